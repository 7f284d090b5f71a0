"""Two processes that talk over the loopback device train as one does."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from training_job import train

from kgrec.reporting.run_folder import RunFolder

JOB = Path(__file__).with_name("training_job.py")
BATCH_SIZE = 13
"""53 pairs: four batches of 13, shared 6 and 7, and a last one of a single pair."""


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def start(folder: Path, rank: int, port: str) -> "subprocess.Popen[str]":
    """One of two processes, with the variables that a launcher would set."""
    world = {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    master = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "OMP_NUM_THREADS": "1"}
    master["CUDA_VISIBLE_DEVICES"] = ""  # two processes do not share one accelerator
    return subprocess.Popen(
        [sys.executable, str(JOB), str(folder), "0", str(BATCH_SIZE), "0.3"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | world | master,
    )


def result(job: "subprocess.Popen[str]") -> dict[str, Any]:
    out, err = job.communicate(timeout=180)
    assert job.returncode == 0, err
    assert "FutureWarning" not in err
    printed: dict[str, Any] = json.loads(out.splitlines()[-1])
    return printed


@pytest.mark.slow
def test_two_processes_give_the_losses_of_one(tmp_path: Path) -> None:
    port = free_port()
    jobs = [start(tmp_path / "two", rank, port) for rank in range(2)]
    first, second = (result(job) for job in jobs)
    assert first == second

    alone = train(tmp_path / "one", seconds_per_epoch=0, batch_size=BATCH_SIZE, dropout=0.3)
    assert [row["epoch"] for row in first["history"]] == [1, 2, 3, 4, 5, 6]
    for row, expected in zip(first["history"], alone["history"], strict=True):
        assert row == pytest.approx(expected, rel=1e-5)
    assert first["users"] == [pytest.approx(row, abs=1e-5) for row in alone["users"]]
    assert RunFolder(tmp_path / "two").read_metrics() == first["history"]  # the main process alone writes
