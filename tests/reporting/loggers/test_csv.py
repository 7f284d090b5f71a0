from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from kgrec.errors import InputError
from kgrec.reporting.loggers.base import RunInfo
from kgrec.reporting.loggers.csv import CsvLogger
from kgrec.reporting.run_folder import RunFolder

LogJob = Callable[..., RunFolder]


def test_a_row_per_epoch(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    with CsvLogger() as logger:
        logger.start(run, RunInfo({}, "run", "group", "train"))
        logger.log({"epoch": 1, "train/loss": 0.5}, step=1)
        logger.log({"epoch": 2, "train/loss": 0.25, "valid/recall@20": 0.1}, step=2)
    assert pl.read_csv(run.path / "metrics.csv").to_dicts() == [
        {"step": 1, "epoch": 1, "train/loss": 0.5, "valid/recall@20": None},
        {"step": 2, "epoch": 2, "train/loss": 0.25, "valid/recall@20": 0.1},
    ]


def test_a_resumed_run_replaces_its_rows(tmp_path: Path, log_job: LogJob) -> None:
    for epochs in (range(1, 5), range(3, 6)):
        run = log_job(CsvLogger(), tmp_path / "run", epochs)
    assert pl.read_csv(run.path / "metrics.csv")["step"].to_list() == [1, 2, 3, 4, 5]


def test_one_logger_serves_one_run_after_the_other(tmp_path: Path, log_job: LogJob) -> None:
    logger = CsvLogger()
    runs = [log_job(logger, tmp_path / name, range(1, 3)) for name in ("one", "two")]
    assert [pl.read_csv(run.path / "metrics.csv").height for run in runs] == [2, 2]


def test_a_foreign_file_is_refused(tmp_path: Path, log_job: LogJob) -> None:
    (tmp_path / "metrics.csv").write_bytes(b"")
    with pytest.raises(InputError, match="not a table as this logger writes it"):
        log_job(CsvLogger(), tmp_path, range(1, 2))
