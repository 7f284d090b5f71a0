"""What every launcher of a multirun offers."""

import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from omegaconf import DictConfig

from kgrec.errors import InputError
from kgrec.train import train

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class JobEnd:
    """A job that came to its end, well or badly.

    Attributes:
        index: its place among the jobs that were launched.
        message: what stopped it; empty where nothing did.
        seconds: that it took.
    """

    index: int
    message: str
    seconds: float


class Launcher(ABC):
    """Runs the jobs of a multirun, each a training of its own, somewhere."""

    @abstractmethod
    def launch(self, jobs: Sequence[DictConfig]) -> Iterator[JobEnd]:
        """Run all jobs; one that fails does not stop the others.

        Args:
            jobs: configurations of runs, no two of the same run.

        Yields:
            Each job once, in the order in which they end.

        Raises:
            InputError: nothing can be launched here.
        """


def run_job(index: int, cfg: DictConfig, num_threads: int | None = None) -> JobEnd:
    """Train one run, wherever this is called; no error leaves it.

    Args:
        index: handed on to :class:`JobEnd`.
        cfg: of the run.
        num_threads: of torch; ``None`` = as they are.
    """
    if num_threads is not None:
        torch.set_num_threads(num_threads)
    started, message = time.perf_counter(), ""
    try:
        train(cfg)
    except InputError as error:
        message = str(error)
    except Exception as error:  # one job's fault must not end the others
        log.exception("job %d failed", index)
        message = f"{type(error).__name__}: {error}"
    return JobEnd(index, message, time.perf_counter() - started)


def died(index: int) -> JobEnd:
    """The end of a job whose process is gone."""
    return JobEnd(
        index, "its process died, perhaps for want of memory; start the command again to go on", 0.0
    )
