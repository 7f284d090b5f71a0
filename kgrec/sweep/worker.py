"""What a worker of a sweep does: one trial after the other, each an ordinary run without a look at test."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from optuna.trial import TrialState

from kgrec.errors import InputError
from kgrec.pipeline import run_name
from kgrec.reporting.run_folder import RunFolder
from kgrec.sweep.plan import Plan
from kgrec.sweep.study import SweepStudy
from kgrec.sweep.trial import OpenTrial
from kgrec.train import train

log = logging.getLogger(__name__)


def work(plan: Plan, study: SweepStudy, look: Callable[[], None]) -> None:
    """Run trials until none is left.

    Args:
        plan: of the sweep.
        study: shared with the other workers.
        look: called often.

    Raises:
        InputError: the defaults themselves cannot be run; they are begun again by the next start.
    """
    with study.locks.worker() as worker:
        while (trial := study.claim(plan, worker)) is not None:
            _run(plan, study, trial, look)
            look()


def _run(plan: Plan, study: SweepStudy, trial: OpenTrial, look: Callable[[], None]) -> None:
    """One trial, to its end; what stops it is written beside it."""
    cfg = plan.config(trial.params)
    name = run_name(cfg)
    trial.note(run=name)
    # Two workers may draw the same values: the second waits, and finds the run finished.
    with study.locks.held(name), _quiet():
        started = time.perf_counter()

        def on_validation(epoch: int, value: float) -> bool:
            look()
            return trial.report(epoch, value, time.perf_counter() - started)

        try:
            run = train(cfg, on_validation)
        except InputError as error:
            if not trial.params:
                raise InputError(f"the defaults cannot be run: {error}") from error
            trial.end(TrialState.FAIL, time.perf_counter() - started, error=str(error))
        except Exception as error:  # one trial's fault must not end the sweep
            if not trial.params:
                raise
            log.exception("a trial failed")
            message = f"{type(error).__name__}: {' '.join(str(error).split())}"
            trial.end(TrialState.FAIL, time.perf_counter() - started, error=message)
        else:
            _end(plan, trial, run, time.perf_counter() - started)


def _end(plan: Plan, trial: OpenTrial, run: RunFolder, seconds: float) -> None:
    """Close a trial whose run came to its end, or was given up."""
    if not run.is_finished:
        trial.end(TrialState.PRUNED, seconds)
        return
    for row in run.read_metrics():  # all of the curve, whoever trained the run
        if plan.metric in row:
            trial.report(int(row["epoch"]), row[plan.metric], seconds)
    trial.end(TrialState.COMPLETE, seconds, run.read_summary()[plan.metric])


@contextmanager
def _quiet() -> Iterator[None]:
    """Runs speak of trouble only: the sweep has a line of its own for each trial."""
    loggers = {logging.getLogger("kgrec"): logging.WARNING, logging.getLogger("kgrec.sweep"): logging.INFO}
    before = {logger: logger.level for logger in loggers}
    for logger, level in loggers.items():
        logger.setLevel(level)
    try:
        yield
    finally:
        for logger, level in before.items():
            logger.setLevel(level)
