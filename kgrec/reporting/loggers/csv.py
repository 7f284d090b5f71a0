"""A table of the epochs."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from kgrec.errors import InputError
from kgrec.reporting.exhibits import Exhibits
from kgrec.reporting.loggers.base import RunInfo, RunLogger
from kgrec.reporting.run_folder import RunFolder


class CsvLogger(RunLogger):
    """``metrics.csv`` in the run folder: the epochs as a table for spreadsheets.

    A run that goes on replaces the rows from its first new step on. The summary is not repeated here: it
    is ``summary.json``.
    """

    FILE = "metrics.csv"

    def __init__(self) -> None:
        self._run_folder: RunFolder | None = None
        self._rows: list[dict[str, Any]] = []

    def start(self, run_folder: RunFolder, info: RunInfo) -> None:
        """Begin a table, or go on with the one that is there.

        Raises:
            InputError: a file of that name that is no such table.
        """
        self._run_folder = run_folder
        path = run_folder.path / self.FILE
        try:
            self._rows = pl.read_csv(path).to_dicts() if path.is_file() else []
        except pl.exceptions.PolarsError as error:
            raise InputError(f"{path}: not a table as this logger writes it; delete or move it") from error

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Write the table anew with one more row."""
        if self._run_folder is None:
            raise ValueError("log() before start()")
        self._rows = [row for row in self._rows if row["step"] < step] + [{"step": step, **metrics}]
        table = pl.from_dicts(self._rows, infer_schema_length=None)
        self._run_folder.write(self.FILE, table.write_csv().encode())

    def summary(self, values: Mapping[str, Any]) -> None:
        """Do nothing: ``summary.json`` has it."""

    def show(self, exhibits: Exhibits) -> None:
        """Do nothing: a table of epochs has no place for it."""

    def finish(self, failed: bool = False) -> None:
        """Forget the run; its table is complete."""
        self._run_folder, self._rows = None, []
