"""No logger: the run folder is enough."""

from collections.abc import Mapping
from typing import Any

from kgrec.reporting.exhibits import Exhibits
from kgrec.reporting.loggers.base import RunInfo, RunLogger
from kgrec.reporting.run_folder import RunFolder


class NoLogger(RunLogger):
    """No mirror."""

    def start(self, run_folder: RunFolder, info: RunInfo) -> None:
        """Do nothing."""

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Do nothing."""

    def summary(self, values: Mapping[str, Any]) -> None:
        """Do nothing."""

    def show(self, exhibits: Exhibits) -> None:
        """Do nothing."""

    def finish(self, failed: bool = False) -> None:
        """Do nothing."""
