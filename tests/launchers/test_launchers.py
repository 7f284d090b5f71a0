"""Every launcher runs what it is given; a multirun that was killed goes on."""

import importlib.util
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kgrec.build import build, compose
from kgrec.errors import InputError
from kgrec.launchers.base import Launcher
from kgrec.multirun import multirun
from kgrec.reporting.run_folder import RunFolder

SETTINGS = ["data=planted", "lm=hashing", "model=popularity", "logger=none"]
LAUNCHERS = {
    "local": [],
    "joblib": ["launcher.jobs=2"],
    "submitit": ["launcher.cluster=local", "launcher.timeout_min=5", "launcher.cpus=1"],
    "ray": [],
}


def launcher_settings(name: str) -> list[str]:
    if importlib.util.find_spec(name) is None and name != "local":
        pytest.skip(f"{name} is not installed")
    return [f"launcher={name}", *LAUNCHERS[name]]


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", LAUNCHERS)
def test_all_jobs_are_run_and_one_that_fails_stops_no_other(name: str) -> None:
    overrides = [*SETTINGS, *launcher_settings(name), "data.k_core=0,1000"]
    jobs = multirun(overrides)
    good = [job for job in jobs if "data.k_core=0" in job.overrides]
    bad = [job for job in jobs if "data.k_core=1000" in job.overrides]
    assert (len(good), len(bad)) == (1, 1)
    assert all(job.run.is_finished and not job.message for job in good)
    assert all("k_core" in job.message and not job.run.is_finished for job in bad)


def test_a_run_has_the_id_that_it_would_have_alone() -> None:
    (job, _) = multirun([*SETTINGS, "seed=0,1"])
    (alone,) = multirun([*SETTINGS, "seed=0"])
    assert job.run.path == alone.run.path


def test_a_finished_run_is_not_launched_again(monkeypatch: pytest.MonkeyPatch) -> None:
    multirun([*SETTINGS, "seed=0"])
    launched: list[int] = []
    monkeypatch.setattr(
        "kgrec.launchers.local.run_job", lambda index, cfg: launched.append(cfg.seed) or pytest.fail("again")
    )
    multirun([*SETTINGS, "seed=0"])
    assert launched == []


def test_one_launcher_for_all() -> None:
    with pytest.raises(InputError, match="launcher: found several"):
        multirun([*SETTINGS, "launcher=local,joblib"])


def test_several_processes_of_one_job_launch_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(InputError, match="found joblib in one of several processes"):
        multirun([*SETTINGS, "launcher=joblib"])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["launcher=joblib", "launcher.jobs=0"], "launcher.jobs: found 0"),
        (["launcher=ray", "launcher.cpus=0"], "launcher.cpus: found 0"),
    ],
)
def test_a_setting_out_of_range_is_refused(settings: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        build(compose([*SETTINGS, *settings]).launcher)


def test_threads_are_shared_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    launcher: Launcher = build(compose([*SETTINGS, "launcher=joblib", "launcher.jobs=3"]).launcher)
    assert (launcher.jobs, launcher.threads) == (3, 2)  # type: ignore[attr-defined]


def test_a_cluster_that_is_not_there_is_one_line() -> None:
    launcher_settings("submitit")
    with pytest.raises(InputError, match="launcher: submitit refuses it"):
        multirun([*SETTINGS, "launcher=submitit", "launcher.cluster=slurm", "seed=0"])


def test_a_killed_multirun_leaves_no_worker_and_goes_on() -> None:
    """What was finished is not run again, and nobody writes after the kill."""
    command = [
        *(sys.executable, "-m", "kgrec", "train", "-m", "launcher=joblib", "launcher.jobs=2"),
        *(*SETTINGS, "seed=range(8)"),
    ]
    started = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not finished() and started.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    started.send_signal(signal.SIGKILL)
    started.wait()
    before = finished()
    assert 0 < len(before) < 8
    time.sleep(3)  # a worker looks for its parent once a second
    after = finished()
    time.sleep(2)
    assert finished() == after
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"{8 - len(after)} of 8 runs are to be done" in done.stderr
    assert len(finished()) == 8
    assert {path: when for path, when in finished().items() if path in after} == after


def finished() -> dict[Path, int]:
    """Run folders with a summary, and when it was written."""
    return {
        path: (path / "summary.json").stat().st_mtime_ns
        for path in Path("runs/default").glob("*")
        if RunFolder(path).is_finished
    }
