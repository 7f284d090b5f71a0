"""Evaluate a model, freshly trained or from its run folder; each look at a test set is written down."""

from pathlib import Path
from typing import Any

import polars as pl
from omegaconf import DictConfig, OmegaConf

from kgrec.build import build
from kgrec.data.dataset import RecDataset
from kgrec.data.planted import Planted
from kgrec.evaluation.base import Evaluates, Evaluation
from kgrec.models.base import ModelInputs, Recommender
from kgrec.pipeline import load_dataset, load_inputs, load_model
from kgrec.progress import doing
from kgrec.reporting.environment import environment
from kgrec.reporting.run_folder import RunFolder
from kgrec.reporting.test_reads import book_of_test_reads, log_test_read
from kgrec.seed import seed_everything
from kgrec.training.checkpoint import Checkpoint


def load_run(path: Path) -> tuple[DictConfig, ModelInputs, Recommender]:
    """The configuration, inputs and trained model of a run folder.

    A model without trainable parameters has no checkpoint: its closed form is solved again.

    Raises:
        InputError: no such run, no checkpoint, one of another model, or data that cannot be read.
    """
    run = RunFolder(path)
    cfg = OmegaConf.create(run.read_config())
    inputs = load_inputs(cfg, load_dataset(cfg))
    seed_everything(cfg.seed)
    model = load_model(cfg, inputs)
    if any(parameter.requires_grad for parameter in model.parameters()):
        Checkpoint(run.checkpoint_dir).load_best(model)
    else:
        model.fit()
    return cfg, inputs, model.eval()


def evaluate_run(path: Path, split: str) -> Evaluation:
    """Evaluate the model of a run folder again on ``valid`` or ``test``.

    Raises:
        InputError: see :func:`load_run`.
    """
    cfg, inputs, model = load_run(path)
    return evaluate_model(cfg, path.resolve().name, model, inputs.dataset, build(cfg.eval), split)


def evaluate_model(
    cfg: DictConfig,
    run: str,
    model: Recommender,
    dataset: RecDataset,
    evaluator: Evaluates,
    split: str,
) -> Evaluation:
    """Evaluate on ``valid`` or ``test``; a test evaluation leaves a line in the book of test reads.

    Data that is generated has no test set to wear out: it is not written down.
    """
    doing(f"evaluating on {split}")
    model.eval()
    evaluation = evaluator.measure(model, dataset, split)
    if split == "test" and dataset.name != Planted.name:
        key = evaluator.selection_metric.replace("valid/", "test/", 1)
        log_test_read(
            book_of_test_reads(cfg.paths.test_reads, Path(cfg.paths.runs)),
            run=run,
            commit=(environment(cfg.seed)["git"] or {}).get("commit"),
            config={**_choices(cfg), "seed": str(cfg.seed)},
            figure={key: evaluation.means[key]},
        )
    return evaluation


def per_user_table(dataset: RecDataset, evaluation: Evaluation) -> pl.DataFrame:
    """``user`` (raw id) and one column per metric."""
    users = [dataset.users.raw_ids[user] for user in evaluation.user_ids.tolist()]
    return pl.DataFrame({"user": users, **evaluation.columns})


def _choices(cfg: DictConfig) -> dict[str, str]:
    chosen: Any = OmegaConf.to_container(cfg.choices)
    return {group: option for group, option in chosen.items() if option is not None}
