"""One run, from config to run folder. The stages are those of the README's table, in its order."""

import logging
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from kgrec.build import build
from kgrec.evaluation.cost import CostMeter, new_item_costs, parameter_counts
from kgrec.evaluation.evaluator import Evaluator
from kgrec.evaluation.leaks import check_no_leak
from kgrec.models.base import ModelInputs, Recommender
from kgrec.pipeline import load_dataset, load_inputs, load_model
from kgrec.reporting.run_folder import RunFolder, run_id
from kgrec.reporting.test_reads import log_test_read
from kgrec.seed import seed_everything
from kgrec.training.trainer import Trainer

log = logging.getLogger(__name__)


def train(cfg: DictConfig) -> RunFolder:
    """Train and evaluate what the config says, or return the finished run of the same config.

    Raises:
        kgrec.errors.InputError: bad settings or bad data.
    """
    run = RunFolder(Path(cfg.paths.runs) / cfg.group / identify(cfg))
    if run.is_finished:
        log.info("%s is finished: nothing to do", run.path)
        return run
    run.start(OmegaConf.to_yaml(cfg, resolve=True), cfg.seed)

    seed_everything(cfg.seed)
    dataset = load_dataset(cfg)
    inputs = load_inputs(cfg, dataset)
    check_no_leak(dataset, inputs.graph)
    model = load_model(cfg, inputs)
    evaluator: Evaluator = build(cfg.eval)
    trainer: Trainer = build(cfg.train)
    with build(cfg.logger) as logger, CostMeter() as meter:
        logger.start(run.path, OmegaConf.to_container(cfg, resolve=True), cfg.group, cfg.seed)
        result = trainer.fit(
            model,
            dataset,
            validate=lambda m: evaluator.evaluate(m.score, dataset, "valid", m.device).means,
            selection_metric=evaluator.selection_metric,
            higher_is_better=evaluator.selection_higher_is_better,
            run=run,
            logger=logger,
            seed=cfg.seed,
        )
    return run


def identify(cfg: DictConfig) -> str:
    """The run id: what was chosen, the seed, and a hash of every setting that can change a figure."""
    settings = OmegaConf.to_container(cfg, resolve=True)
    for irrelevant in ("paths", "group", "logger"):
        settings.pop(irrelevant)
    return run_id(settings, cfg.seed)
