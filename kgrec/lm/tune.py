"""From a published language model to one tuned for recommendation."""

from torch import Tensor

from kgrec.data.dataset import RecDataset
from kgrec.data.labels import Rows
from kgrec.errors import InputError
from kgrec.lm.text_recommender import TextRecommender
from kgrec.models.base import Recommender
from kgrec.models.selection import ScoreSome, ValidationRecall
from kgrec.text.transformer import TransformerEncoder
from kgrec.training.recorder import MetricLogger, TrainingRun
from kgrec.training.trainer import Trainer

K = 20
METRIC = f"valid/recall@{K}"


def tune(
    model: TextRecommender,
    dataset: RecDataset,
    recall: ValidationRecall,
    trainer: Trainer,
    run: TrainingRun,
    logger: MetricLogger,
    seed: int,
) -> dict[str, float]:
    """Train on the training interactions, and keep the weights with the best validation recall.

    Args:
        model: trained in place.
        dataset: its ``train`` is learned from.
        recall: what decides; the untuned model's is taken first, so that tuning never ends below it.
        trainer: its settings.
        run: where the checkpoint goes, and is looked for.
        logger: mirrors the history.
        seed: order, dropout, augmentation.

    Returns:
        ``trained_params``, ``trained_share`` of all of them (in %), ``epochs``, ``best_epoch``, ``train_s``,
        ``<metric>/before`` and ``<metric>/after``.
    """
    trained, added_to = model.trained_parameters()
    result = trainer.fit(
        model,
        Rows(dataset.train),
        validate=lambda tuned: {METRIC: recall(score_of(tuned))},
        selection_metric=METRIC,
        run=run,
        logger=logger,
        seed=seed,
    )
    return {
        "trained_params": float(trained),
        "trained_share": 100 * trained / added_to,
        "epochs": float(result.epochs),
        "best_epoch": float(result.best_epoch),
        "train_s": result.seconds,
        f"{METRIC}/before": result.history[0][METRIC],
        f"{METRIC}/after": result.best_value,
    }


def score_of(model: Recommender) -> ScoreSome:
    """Scores as :class:`~kgrec.models.selection.ValidationRecall` asks for them."""
    pair = model.embeddings()
    if pair is None:
        raise TypeError(f"{type(model).__name__} has no embeddings")
    users, items = pair

    def score(user_ids: Tensor, item_ids: Tensor) -> Tensor:
        return users[user_ids.to(users.device)] @ items[item_ids.to(items.device)].T

    return score


def plain_network(encoder: TransformerEncoder) -> object:
    """The encoder's network, its settings telling the layers that it has.

    Raises:
        InputError: it was cut where only the uncut model's end has a norm, so a folder would compute
            something else.
    """
    backbone = encoder.backbone
    if backbone.is_cut:
        norm = getattr(backbone.network, "norm", None) or getattr(backbone.network, "final_norm", None)
        if norm is not None:
            raise InputError(
                f"lm.num_layers: found {backbone.depth} of a model that ends in a norm, which its folder "
                "would apply; expected null"
            )
        backbone.network.config.num_hidden_layers = backbone.depth
    return backbone.network
