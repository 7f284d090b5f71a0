"""Several jobs at once on this machine."""

import logging
import os
import threading
import time
from collections.abc import Iterator, Sequence

from omegaconf import DictConfig

from kgrec.errors import InputError
from kgrec.launchers.base import JobEnd, Launcher, died, run_job

SECONDS_BETWEEN_LOOKS = 1.0


class Joblib(Launcher):
    """Runs jobs in processes of their own, by joblib's loky.

    Args:
        jobs: at once, ≥ 1; ``None`` = one per core.
        threads: of each job, ≥ 1; ``None`` = the cores shared out, so that jobs do not fight over them.

    Raises:
        InputError: a number below 1.
    """

    def __init__(self, jobs: int | None, threads: int | None) -> None:
        for name, value in (("jobs", jobs), ("threads", threads)):
            if value is not None and value < 1:
                raise InputError(f"launcher.{name}: found {value}, expected at least 1")
        cores = os.cpu_count() or 1
        self.jobs = jobs or cores
        self.threads = threads or max(1, cores // self.jobs)

    def launch(self, jobs: Sequence[DictConfig]) -> Iterator[JobEnd]:
        """As they end; jobs whose process died, and those that waited for it, are reported at the end."""
        from joblib import Parallel, delayed, parallel_config
        from joblib.externals.loky.process_executor import TerminatedWorkerError

        left = set(range(len(jobs)))
        work = (delayed(_run)(index, cfg, self.threads, os.getpid()) for index, cfg in enumerate(jobs))
        with parallel_config("loky", inner_max_num_threads=self.threads):
            try:
                for end in Parallel(self.jobs, return_as="generator_unordered")(work):
                    left.remove(end.index)
                    yield end
            except TerminatedWorkerError:
                yield from map(died, sorted(left))


def _run(index: int, cfg: DictConfig, num_threads: int, parent: int) -> JobEnd:
    """In the worker: quiet, and gone when its parent is."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    return run_job(index, cfg, num_threads)


def _end_with(parent: int) -> None:
    """A multirun that is killed leaves no worker behind that still writes into its runs."""
    while os.getppid() == parent:
        time.sleep(SECONDS_BETWEEN_LOOKS)
    os._exit(1)
