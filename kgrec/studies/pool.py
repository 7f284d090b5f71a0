"""Worker processes that train the runs of a study."""

import logging
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import get_context

from kgrec.errors import InputError
from kgrec.evaluation.cost import peak_rss_mb
from kgrec.reporting.run_folder import RunFolder
from kgrec.studies.plan import Job, Trial
from kgrec.studies.processes import begin_worker, threads_of_children
from kgrec.studies.progress import JobProgress
from kgrec.train import train

log = logging.getLogger(__name__)

SECONDS_BETWEEN_LOOKS = 1.0


@dataclass(frozen=True)
class Failure:
    """A job that did not come to its end; ``trial`` is the name of the trial it belongs to."""

    trial: str
    message: str


@dataclass
class PoolReport:
    """What is known when the pool has closed.

    Attributes:
        failures: jobs that failed; the others went on.
        peak_mb: process id of a worker → its peak resident memory.
    """

    failures: list[Failure] = field(default_factory=list)
    peak_mb: dict[int, float] = field(default_factory=dict)


def run_trials(
    trials: Sequence[Trial], num_workers: int, on_end: Callable[[Trial], None] | None = None
) -> PoolReport:
    """Run what is unfinished of the trials, each job on one thread of its own process.

    The choices of a trial come first, in any order, then the one that validation likes best. Trials with
    many choices begin first, so that the end is not one long trial on one core.

    Args:
        trials: their run folders tell what is done already.
        num_workers: processes, at least 1.
        on_end: called with a trial each time that jobs of it have ended.
    """
    report = PoolReport()
    total, left = sum(trial.num_jobs for trial in trials), sum(trial.num_left for trial in trials)
    if left == 0:
        return report
    with _pool(num_workers) as pool, JobProgress(total, total - left) as progress:
        futures: dict[Future[_JobEnd], Trial] = {}
        for trial in sorted(trials, key=lambda trial: -trial.num_jobs):
            futures |= _submitted(pool, trial)
        while futures:
            done, _ = wait(futures, SECONDS_BETWEEN_LOOKS, FIRST_COMPLETED)
            ended = [(futures.pop(future), future) for future in done]
            for trial, future in ended:
                _note(report, trial, future)
                progress.job_done()
            waiting = Counter(id(trial) for trial in futures.values())
            for trial in {id(trial): trial for trial, _ in ended}.values():
                if on_end is not None:
                    on_end(trial)
                if not waiting[id(trial)] and not _has_failed(report, trial):
                    futures |= _submitted(pool, trial)
            progress.look()
    return report


@dataclass(frozen=True)
class _JobEnd:
    """What a worker says of a job; ``message`` is empty where all went well."""

    process: int
    peak_rss_mb: float
    message: str


def _submitted(pool: ProcessPoolExecutor, trial: Trial) -> "dict[Future[_JobEnd], Trial]":
    """The trial's next jobs; none where a worker's death has closed the pool."""
    with suppress(BrokenExecutor):
        return {pool.submit(_run, job): trial for job in trial.to_run()}
    return {}


def _run(job: Job) -> _JobEnd:
    """In the worker: train one run."""
    message = ""
    try:
        if job.twin is not None:
            _go_on_from(job.twin, job.run)
        train(job.cfg)
    except InputError as error:
        message = str(error)
    except Exception as error:  # one job's fault must not end the others
        log.exception("%s failed", job.run.path)
        message = f"{type(error).__name__}: {error}"
    return _JobEnd(os.getpid(), peak_rss_mb(), message)


def _go_on_from(twin: RunFolder, run: RunFolder) -> None:
    """Give a run the checkpoint of its finished twin: the training is found done, its model is evaluated."""
    if twin.checkpoint_dir.is_dir() and not run.checkpoint_dir.exists():
        temporary = run.path / ".checkpoint.tmp"
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.copytree(twin.checkpoint_dir, temporary)
        temporary.replace(run.checkpoint_dir)


def _note(report: PoolReport, trial: Trial, future: "Future[_JobEnd]") -> None:
    error = future.exception()
    if error is not None:
        reason = "its worker died, perhaps for want of memory" if isinstance(error, BrokenExecutor) else error
        report.failures.append(Failure(trial.name, str(reason)))
        return
    end = future.result()
    report.peak_mb[end.process] = end.peak_rss_mb
    if end.message:
        report.failures.append(Failure(trial.name, end.message))


def _has_failed(report: PoolReport, trial: Trial) -> bool:
    return any(failure.trial == trial.name for failure in report.failures)


@contextmanager
def _pool(num_workers: int) -> Iterator[ProcessPoolExecutor]:
    """Fresh processes (fork and threads do not mix), each told before it starts to use one thread."""
    with threads_of_children(1):
        pool = ProcessPoolExecutor(num_workers, get_context("spawn"), initializer=begin_worker, initargs=(1,))
        try:
            yield pool
        finally:
            pool.shutdown(cancel_futures=True)
