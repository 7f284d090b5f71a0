"""A run as a job would log it, and exhibits for it to show."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kgrec.reporting.exhibits import Example, Exhibits, Listed
from kgrec.reporting.loggers.base import RunInfo, RunLogger, Source
from kgrec.reporting.plots import curve_figure
from kgrec.reporting.run_folder import RunFolder

LogJob = Callable[[RunLogger, Path, range], RunFolder]

SOURCES = (
    Source("dataset", "planted", "1c0ffee1c0ffee", {"counts": {"users": 3}}),
    Source("graph", "planted-graph", "5d250215d25021", {"relations": ["by"]}),
)


@pytest.fixture(scope="session")
def exhibits() -> Exhibits:
    example = Example(
        "u1", ("Heat",), 3, 2, (Listed("i1", "Alien", True), Listed("i2", "Big | Small", False))
    )
    curve = curve_figure({"run": [[{"epoch": 1, "x": 0.1}, {"epoch": 2, "x": 0.2}]]}, "x")
    return Exhibits("valid/cold", [example], {"curve/x": curve}, {"graph_share": np.array([0.2, 0.7, 0.7])})


@pytest.fixture(scope="session")
def log_job(exhibits: Exhibits) -> LogJob:
    """``log_job(logger, folder, epochs)`` logs these epochs and, at the end, all else."""

    def log(logger: RunLogger, folder: Path, epochs: range) -> RunFolder:
        run = RunFolder(folder)
        run.write("config.yaml", b"lr: 0.1\n")
        config = {"lr": 0.1, "model": {"dims": [1, 2], "name": "a"}, "seed": 0}
        with logger:
            logger.start(run, RunInfo(config, folder.name, "group", "train", ("tag",), SOURCES))
            for epoch in epochs:
                logger.log({"epoch": epoch, "train/loss": 1 / epoch}, step=epoch)
            many = {f"test/recall@{k}": 0.25 for k in range(20, 140)}  # more than an artifact's metadata take
            logger.summary({**many, "train/loss": 0.5, "protocol/split": "random"})
            if logger.shows:
                logger.show(exhibits)
        return run

    return log
