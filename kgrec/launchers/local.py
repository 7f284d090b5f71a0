"""One job after the other, in this process."""

from collections.abc import Iterator, Sequence

from omegaconf import DictConfig

from kgrec.launchers.base import JobEnd, Launcher, run_job


class Local(Launcher):
    """Runs jobs in turn, on all threads; the only launcher under ``accelerate launch``."""

    def launch(self, jobs: Sequence[DictConfig]) -> Iterator[JobEnd]:
        """In the order given."""
        return (run_job(index, cfg) for index, cfg in enumerate(jobs))
