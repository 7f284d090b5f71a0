"""W&B's offline files, read back with its own ``wandb leet inspect``."""

import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import pytest

from kgrec.errors import InputError
from kgrec.reporting.loggers.wandb import WandbLogger
from kgrec.reporting.run_folder import RunFolder

LogJob = Callable[..., RunFolder]


@contextmanager
def without_account(folder: Path) -> Iterator[pytest.MonkeyPatch]:
    """A machine where nobody has logged in to W&B, and an empty working directory."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_DIR", "WANDB_DATA_DIR", "NETRC"):
            patch.delenv(name, raising=False)
        (folder / "home").mkdir()
        (folder / "cwd").mkdir()
        patch.setenv("HOME", str(folder / "home"))
        patch.chdir(folder / "cwd")
        yield patch
        assert not list((folder / "cwd").iterdir())
        assert "WANDB_DATA_DIR" not in os.environ


@pytest.fixture
def no_account(tmp_path: Path) -> Iterator[pytest.MonkeyPatch]:
    with without_account(tmp_path) as patch:
        yield patch


def logger(mode: str = "offline", **changes: Any) -> WandbLogger:
    settings: dict[str, Any] = {"tags": ["mine"], "notes": "why", "show": False, "max_model_mb": 1}
    return WandbLogger(project="kgrec-test", entity=None, mode=mode, **(settings | changes))


def wandb_runs(run: RunFolder) -> list[Path]:
    return sorted((run.path / "wandb").glob("offline-run-*"))


def inspect(folder: Path, *options: str) -> str:
    command = [sys.executable, "-m", "wandb", "leet", "inspect", *options, "--json", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


@dataclass
class Mirrored:
    """What W&B has of a run: its state, and the records of its file by type."""

    run: RunFolder
    folder: Path
    state: dict[str, Any]
    records: dict[str, list[dict[str, Any]]]

    @classmethod
    def of(cls, run: RunFolder, folder: Path) -> Self:
        """Read once W&B's own process, which may end after ``finish``, has written all of it."""
        last = time.monotonic() + 60
        while (state := json.loads(inspect(folder, "--summary")))["state"] == "running":
            assert time.monotonic() < last, f"{folder.name} never ended"
            time.sleep(0.2)
        records: dict[str, list[dict[str, Any]]] = {}
        for row in map(json.loads, inspect(folder).splitlines()):
            records.setdefault(row["type"], []).append(row[row["type"]])
        return cls(run, folder, state, records)

    def artifacts(self) -> dict[str, dict[str, Any]]:
        return {row["name"]: row for row in self.records["artifact"] if row["type"] != "run_table"}


def put_model(run: Path, size: int) -> None:
    (run / "checkpoint" / "last").mkdir(parents=True)
    for name in ("model.safetensors", "last/model.safetensors"):
        (run / "checkpoint" / name).write_bytes(b"0" * size)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("wandb")


@pytest.fixture(scope="module")
def mirrored(place: Path, log_job: LogJob) -> list[Mirrored]:
    """Two jobs of one logger; the model of the second is above the limit."""
    with without_account(place) as patch:
        state = {"commit": "1c0ffee" * 5, "dirty": True}
        patch.setattr("kgrec.reporting.loggers.wandb.git_state", lambda: state)
        both = logger(mode="auto", show=True)
        runs = []
        for name, size in (("one", 7), ("two", 2**20 + 1)):
            put_model(place / "runs" / name, size)
            runs.append(log_job(both, place / "runs" / name, range(1, 4)))
        return [Mirrored.of(run, *wandb_runs(run)) for run in runs]


@pytest.mark.slow
def test_each_job_is_a_run_of_its_own_inside_its_folder(mirrored: list[Mirrored], place: Path) -> None:
    for found in mirrored:
        state = found.state
        assert state["state"] == "finished"
        assert state["run_id"].startswith(f"{found.run.name}-")
        assert (state["name"], state["notes"], state["project"]) == (found.run.name, "why", "kgrec-test")
        assert sorted(state["tags"]) == ["mine", "tag"]
        (begun,) = found.records["run"]
        assert (begun["run_group"], begun["job_type"]) == ("group", "train")
    outside = [path.name for path in (place / "home").rglob("*") if path.is_file()]
    assert all(name.endswith(".log") for name in outside), "W&B's files lie inside the run folder"


@pytest.mark.slow
def test_settings_commit_epochs_summary_and_the_machine(mirrored: list[Mirrored]) -> None:
    found = mirrored[0]
    assert found.state["config"]["model"] == {"dims": [1, 2], "name": "a"}
    assert found.state["config"]["code"] == {"commit": "1c0ffee" * 5, "dirty": True}
    assert found.records["environment"][0]["git"]["commit"] == "1c0ffee" * 5
    epochs = [row["item"] for row in found.records["history"] if "epoch" in row["item"]]
    assert [(row["_step"], row["train/loss"]) for row in epochs] == [(1, 1), (2, 0.5), (3, 1 / 3)]
    assert found.state["summary"]["test/recall@20"] == 0.25
    assert found.state["summary"]["train/loss"] == 0.5  # the summary's, not that of the last epoch
    assert "proc.memory.rssMB" in found.records["stats"][0]["item"]


@pytest.mark.slow
def test_sources_are_used_and_known_by_content(mirrored: list[Mirrored]) -> None:
    first, second = (found.artifacts() for found in mirrored)
    for name, kind, digest in (
        ("planted", "dataset", "1c0ffee1c0ffee"),
        ("planted-graph", "graph", "5d250215d25021"),
    ):
        assert (first[name]["type"], first[name]["use_after_commit"]) == (kind, True)
        assert json.loads(first[name]["metadata"])["sha256"] == digest
        assert first[name]["digest"] == second[name]["digest"]  # both runs use the same version


@pytest.mark.slow
def test_the_model_is_made_where_it_is_not_too_large(mirrored: list[Mirrored]) -> None:
    first, second = (found.artifacts() for found in mirrored)
    assert set(first) - set(second) == {"model-one"}
    model = first["model-one"]
    assert model["type"] == "model"
    assert "use_after_commit" not in model
    assert "best" in model["aliases"]
    assert json.loads(model["metadata"])["test/recall@20"] == 0.25
    files = {entry["path"]: Path(entry["local_path"]) for entry in model["manifest"]["contents"]}
    run = mirrored[0].run
    assert files == {  # where they lie, no copies
        "model.safetensors": run.checkpoint_dir / "model.safetensors",
        "config.yaml": run.path / "config.yaml",
    }


@pytest.mark.slow
def test_exhibits_are_a_table_images_and_histograms(mirrored: list[Mirrored]) -> None:
    shown = mirrored[0].state["summary"]
    assert shown["graph_share/items"]["_type"] == "histogram"
    assert (shown["curve/x"]["_type"], shown["curve/x"]["width"]) == ("image-file", 700)
    table = json.loads((mirrored[0].folder / "files" / shown["examples"]["path"]).read_text())
    assert table["columns"] == ["user", "history", "top items", "hits", "relevant"]
    assert table["data"] == [["u1", "Heat and 2 more", "✓ Alien · Big | Small", 1, 2]]


@pytest.mark.slow
@pytest.mark.usefixtures("no_account")
def test_a_resumed_job_stays_the_same_run_and_says_nothing(
    tmp_path: Path, log_job: LogJob, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    for epochs in (range(1, 3), range(2, 4)):
        run = log_job(logger(), tmp_path / "runs" / "one", epochs)
    captured = capfd.readouterr()
    assert captured.out == captured.err == ""
    assert not [record for record in caplog.records if not record.name.startswith("wandb")]
    assert not logging.getLogger("wandb").propagate  # its own go to its debug.log
    parts = [Mirrored.of(run, folder) for folder in wandb_runs(run)]
    assert [part.state["step"] for part in parts] == [2, 3]
    assert len({part.state["run_id"] for part in parts}) == 1
    assert all(part.records["run"][0]["resume"] for part in parts)


def test_auto_mode(tmp_path: Path, no_account: pytest.MonkeyPatch) -> None:
    import wandb

    auto = logger("auto")
    assert auto._resolved_mode() == "offline"
    (tmp_path / "home" / ".netrc").write_text("machine elsewhere.example login user password secret\n")
    assert auto._resolved_mode() == "offline"
    for server in ("api.wandb.ai", urlsplit(wandb.Settings().base_url).netloc):
        (tmp_path / "home" / ".netrc").write_text(f"machine {server} login user password secret\n")
        assert auto._resolved_mode() == "online"
    (tmp_path / "home" / ".netrc").unlink()
    no_account.setenv("WANDB_API_KEY", "secret")
    assert auto._resolved_mode() == "online"
    no_account.setenv("WANDB_MODE", "disabled")
    assert auto._resolved_mode() == "disabled"
    assert logger("offline")._resolved_mode() == "offline"


def test_a_failure_is_a_warning(
    tmp_path: Path, log_job: LogJob, no_account: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import wandb

    def fail(**_: object) -> None:
        raise wandb.errors.CommError("no route\nto host")

    no_account.setattr(wandb, "init", fail)
    log_job(logger("online", show=True), tmp_path / "runs" / "one", range(1, 3))
    [record] = caplog.records
    assert record.levelname == "WARNING"
    assert "W&B could not start (no route to host); going on without it" in record.message


def test_settings_outside_their_range_are_refused() -> None:
    with pytest.raises(InputError, match="found 'on', expected one of auto, online, offline, disabled"):
        logger("on")
    with pytest.raises(InputError, match=r"logger.max_model_mb: found -1, expected at least 0"):
        logger(max_model_mb=-1)
