"""One run, from config to run folder. The stages are those of the README's table, in its order."""

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from kgrec.build import build
from kgrec.errors import InputError
from kgrec.evaluate import evaluate_model, per_user_table
from kgrec.evaluation.base import Evaluates
from kgrec.evaluation.energy import EnergyMeter
from kgrec.evaluation.leaks import check_no_leak
from kgrec.exhibits import exhibits_of
from kgrec.models.base import ModelInputs
from kgrec.pipeline import (
    load_dataset,
    load_inputs,
    load_model,
    load_task,
    load_trainer,
    run_name,
    settings,
)
from kgrec.reporting.environment import changes, environment
from kgrec.reporting.loggers.base import RunInfo, RunLogger
from kgrec.reporting.named_files import named_files
from kgrec.reporting.run_folder import RunFolder
from kgrec.seed import seed_everything
from kgrec.summary import data_digests, lm_training_costs, sources, summarise
from kgrec.training.validation import OnValidation, never_stop

log = logging.getLogger(__name__)


def train(cfg: DictConfig, on_validation: OnValidation = never_stop) -> RunFolder:
    """Train and evaluate what the config says, or return the finished run of the same config.

    A run that was stopped goes on from its last checkpoint. Of several processes that run the same job,
    the main one alone writes.

    Args:
        cfg: of the run.
        on_validation: may give the training up, see :meth:`kgrec.training.trainer.Trainer.fit`; the run is
            then left unfinished, and going on with it begins at its checkpoint.

    Raises:
        kgrec.errors.InputError: bad settings or bad data.
    """
    run = RunFolder(Path(cfg.paths.runs) / cfg.group / run_name(cfg))
    if run.is_finished:
        files = named_files(settings(cfg))
        changed = "; ".join(changes(run.read_env(), {**environment(cfg.seed), "data": files}))
        log.info("%s is finished: nothing to do%s", run.path, f"; since then: {changed}" if changed else "")
        return run

    evaluator: Evaluates = build(cfg.eval)
    trainer = load_trainer(cfg)
    accelerator = trainer.runtime.accelerator()
    with accelerator.main_process_first():  # it fetches data and fills caches, the others read them
        dataset = load_dataset(cfg)
        inputs = load_inputs(cfg, dataset)
    check_no_leak(dataset, inputs.graph)
    rows = load_task(cfg).training_rows(dataset)
    seed_everything(cfg.seed)
    model = load_model(cfg, inputs)

    with _recorded(cfg, run, inputs, accelerator.is_main_process) as logger:
        with EnergyMeter() as energy:
            result = trainer.fit(
                model,
                rows,
                validate=lambda m: evaluator.measure(m, dataset, "valid").means,
                selection_metric=evaluator.selection_metric,
                higher_is_better=evaluator.selection_higher_is_better,
                run=run,
                logger=logger,
                seed=cfg.seed,
                on_validation=on_validation,
            )
        if accelerator.is_main_process and not result.given_up:
            split = "test" if cfg.test else "valid"
            evaluation = evaluate_model(cfg, run.name, model, dataset, evaluator, split)
            summary = {**summarise(inputs, model, evaluator, result, evaluation), **energy.costs()}
            if inputs.text is not None and "model" in cfg.lm:
                summary |= lm_training_costs(cfg.lm.model)
            run.write_per_user(per_user_table(dataset, evaluation))
            run.write_summary(summary)
            # From here on nothing is measured: whatever goes wrong, the run need not be evaluated again.
            logger.summary(summary)
            if logger.shows:
                exhibits = exhibits_of(inputs, model, evaluator, result.history, split)
                run.write_examples(exhibits.as_json())
                logger.show(exhibits)
    return run


@contextmanager
def _recorded(cfg: DictConfig, run: RunFolder, inputs: ModelInputs, is_main: bool) -> Iterator[RunLogger]:
    """Open the run folder and its mirror; a job refused before its first result leaves no folder."""
    was_there = run.path.exists()
    logger: RunLogger = build(cfg.logger)
    try:
        with logger:
            if is_main:
                plain, tags = settings(cfg), tuple(str(option) for option in cfg.choices.values() if option)
                digests = data_digests(inputs)
                run.start(
                    OmegaConf.to_yaml(OmegaConf.create(plain)), cfg.seed, {**digests, **named_files(plain)}
                )
                used = sources(inputs, digests)
                logger.start(run, RunInfo(plain, run.name, cfg.group, "train", tags, used))
            yield logger
    except InputError:
        if is_main and not was_there and not _has_results(run):
            shutil.rmtree(run.path, ignore_errors=True)
        raise


def _has_results(run: RunFolder) -> bool:
    metrics = run.path / "metrics.jsonl"
    return metrics.is_file() and metrics.stat().st_size > 0
