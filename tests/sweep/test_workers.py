"""Several workers of one sweep: they share its trials, and one that is killed loses nothing."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from toy_sweep import PLANTED

from kgrec.sweep.study import SweepStudy, existing
from kgrec.sweep.trial import Trial

SETTINGS = [*PLANTED, "model=bpr_mf", "lm=none", "data/split=random", "train.early_stopping.patience=null"]
GROUP = "sweep-bpr_mf-planted"


def start(folder: Path, *more: str) -> subprocess.Popen[str]:
    """``kgrec sweep`` in a process group of its own."""
    command = [sys.executable, "-m", "kgrec", "sweep", *SETTINGS, f"paths.runs={folder}", *more]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, start_new_session=True)


def finish(process: subprocess.Popen[str]) -> tuple[str, str]:
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    return out, err


def wait_for_epochs(folder: Path, number: int, process: subprocess.Popen[str]) -> SweepStudy:
    """Wait until a trial has been validated a few times."""
    while process.poll() is None:
        time.sleep(0.2)
        if (folder / GROUP / "sweep.journal").is_file():
            trials = existing(folder / GROUP).trials()
            if len(trials) > number and trials[number].epochs >= 12:
                return existing(folder / GROUP)
    pytest.fail(f"ended too early: {process.communicate()[1]}")


def all_done(trials: list[Trial], number: int) -> bool:
    """Whether there are so many trials, each of other settings."""
    states = [trial.state for trial in trials]
    return states == number * ["done"] and len({trial.params for trial in trials}) == number


@pytest.mark.slow
def test_two_workers_and_one_that_joins_share_the_trials(tmp_path: Path) -> None:
    more = ["train.max_epochs=200", "--trials", "4", "--pruner", "none"]
    first = start(tmp_path, *more, "--workers", "2")
    second = start(tmp_path, *more)
    out, _ = finish(first)
    finish(second)
    assert out.startswith("best of 4: valid/recall@10 = ")
    study = existing(tmp_path / GROUP)
    assert all_done(study.trials(), 4)
    workers = {trial.user_attrs["worker"] for trial in study._study.trials}
    assert len(workers) >= 2
    assert not list((tmp_path / GROUP / ".locks").glob("worker-*"))


@pytest.mark.slow
def test_a_sweep_that_is_killed_goes_on_from_the_checkpoint(tmp_path: Path) -> None:
    more = ["train.max_epochs=300", "--trials", "2", "--pruner", "none"]
    process = start(tmp_path, *more)
    study = wait_for_epochs(tmp_path, 0, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    (stopped,) = study.trials()
    assert stopped.state == "stopped"
    assert stopped.epochs >= 12
    checkpoint = study.folder / stopped.run / "checkpoint" / "last" / "progress.json"
    assert checkpoint.is_file()
    before = checkpoint.stat().st_mtime_ns

    finish(start(tmp_path, *more))
    trials = existing(study.folder).trials()
    assert all_done(trials, 2)
    assert trials[0].run == stopped.run
    assert checkpoint.stat().st_mtime_ns > before
    metrics = (study.folder / stopped.run / "metrics.jsonl").read_text().splitlines()
    assert len(metrics) == 300  # no epoch twice, none lost


@pytest.mark.slow
def test_a_worker_that_is_killed_is_replaced_and_its_trial_begun_again(tmp_path: Path) -> None:
    process = start(tmp_path, "train.max_epochs=60", "--trials", "3", "--workers", "2", "--pruner", "none")
    wait_for_epochs(tmp_path, 0, process)
    victim, *_ = children(process.pid)
    os.kill(victim, signal.SIGKILL)
    _, err = finish(process)
    assert "a worker died (exit code -9)" in err
    assert all_done(existing(tmp_path / GROUP).trials(), 3)


def children(parent: int) -> list[int]:
    """Processes that a process has started to work, by their command lines."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            status, command = (path / "status").read_text(), (path / "cmdline").read_text()
        except OSError:
            continue  # it has ended
        if f"PPid:\t{parent}\n" in status and "spawn_main" in command:
            found.append(int(path.name))
    return found
