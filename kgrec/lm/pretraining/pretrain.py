"""From a network and a corpus to one that knows the corpus's words."""

from kgrec.data.labels import Rows
from kgrec.lm.pretraining.masked_model import FOLLOWS, PERPLEXITY, MaskedModel
from kgrec.training.recorder import MetricLogger, TrainingRun
from kgrec.training.trainer import Trainer


def pretrain(
    model: MaskedModel, rows: Rows, trainer: Trainer, run: TrainingRun, logger: MetricLogger, seed: int
) -> dict[str, float]:
    """Train, and keep the weights with the lowest perplexity on held-out documents.

    Args:
        model: trained in place.
        rows: pairs of the model's training sentences.
        trainer: its settings.
        run: where the checkpoint goes, and is looked for.
        logger: mirrors the history.
        seed: order, masks, dropout.

    Returns:
        ``params``, ``pairs``, ``epochs``, ``best_epoch``, ``train_s``, and perplexity and the share of pairs
        rightly told apart, ``<metric>/before`` and ``<metric>/after``.
    """
    result = trainer.fit(
        model,
        rows,
        validate=MaskedModel.measure,
        selection_metric=PERPLEXITY,
        run=run,
        logger=logger,
        seed=seed,
        higher_is_better=False,
    )
    best = next(row for row in result.history if row["epoch"] == result.best_epoch)
    measured = {
        f"{metric}/{when}": row[metric]
        for metric in (PERPLEXITY, FOLLOWS)
        for when, row in (("before", result.history[0]), ("after", best))
        if metric in row
    }
    return {
        "params": float(sum(weight.numel() for weight in model.parameters())),
        "pairs": float(len(rows)),
        "epochs": float(result.epochs),
        "best_epoch": float(result.best_epoch),
        "train_s": result.seconds,
        **measured,
    }
