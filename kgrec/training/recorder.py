"""Where the rows of a training go: its history, the run folder, the logger."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

Row = dict[str, float]
"""``epoch``, ``train/loss`` and metrics of one epoch."""


class TrainingRun(Protocol):
    """What training needs of a run folder, e.g. :class:`kgrec.reporting.run_folder.RunFolder`."""

    @property
    def checkpoint_dir(self) -> Path:
        """Folder of the checkpoint; made when needed."""
        ...

    def reset_metrics(self, rows: Sequence[Mapping[str, float]]) -> None:
        """Make the stored rows exactly these."""
        ...

    def append_metrics(self, row: Mapping[str, float]) -> None:
        """Store one more row."""
        ...


class MetricLogger(Protocol):
    """What training needs of a logger, e.g. :class:`kgrec.reporting.loggers.base.RunLogger`."""

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Mirror the metrics of one epoch."""
        ...


class Recorder:
    """Keep the history on every process, and write it on the main one.

    Args:
        run: see :class:`TrainingRun`.
        logger: see :class:`MetricLogger`.
        is_main: whether this process writes.

    Attributes:
        history: rows so far.
    """

    def __init__(self, run: TrainingRun, logger: MetricLogger, is_main: bool) -> None:
        self._run = run
        self._logger = logger
        self.is_main = is_main
        self.history: list[Row] = []

    def restart(self, history: list[Row]) -> None:
        """Begin after ``history``: rows that a stopped job wrote beyond its last checkpoint are dropped."""
        self.history = list(history)
        if self.is_main:
            self._run.reset_metrics(self.history)

    def add(self, row: Row) -> None:
        """Record one epoch."""
        self.history.append(row)
        if self.is_main:
            self._run.append_metrics(row)
            self._logger.log(row, step=int(row["epoch"]))
