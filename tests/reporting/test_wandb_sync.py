"""``wandb sync`` itself, from offline files to a stand-in of W&B's server that records what it is sent."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kgrec.cli import main
from kgrec.reporting.loggers.base import RunInfo, Source
from kgrec.reporting.loggers.wandb import WandbLogger
from kgrec.reporting.run_folder import RunFolder


@pytest.mark.usefixtures("account")
def test_runs_that_are_not_sent_yet_are_given_to_wandb(monkeypatch: pytest.MonkeyPatch) -> None:
    folders = [Path("runs/g/run/wandb", f"offline-run-{name}") for name in ("1-a", "2-a", "3-b")]
    for folder in folders:
        folder.mkdir(parents=True)
    (folders[2] / "run-b.wandb.synced").touch()
    sent: list[list[str]] = []

    def run(command: list[str], check: bool) -> subprocess.CompletedProcess[bytes]:
        sent.append(command)
        return subprocess.CompletedProcess(command, len(sent) - 1)

    monkeypatch.setattr("kgrec.reporting.wandb_sync.subprocess.run", run)
    assert main(["wandb", "sync", "g"]) == 0
    assert sent == [[sys.executable, "-m", "wandb", "sync", *map(str, folders[:2])]]
    assert main(["wandb", "sync", "g"]) == 1  # W&B said that it failed


@pytest.mark.slow
@pytest.mark.usefixtures("account")
def test_a_group_is_sent_with_its_lineage_once(wandb_server: Any, capfd: pytest.CaptureFixture[str]) -> None:
    run = RunFolder(Path("runs/encoders/one"))
    run.write("config.yaml", b"lr: 0.1\n")
    run.checkpoint_dir.mkdir()
    (run.checkpoint_dir / "model.safetensors").write_bytes(b"weights")
    with WandbLogger("kgrec-test", None, "offline", [], "", False, 1) as logger:
        source = Source("dataset", "planted", "1c0ffee", {})
        logger.start(run, RunInfo({"lr": 0.1}, run.name, "encoders", "train", ("tag",), (source,)))
        for epoch in (1, 2):
            logger.log({"epoch": epoch, "train/loss": 1 / epoch}, step=epoch)
        logger.summary({"test/recall@20": 0.25})
    assert not wandb_server.asked  # offline means offline

    assert main(["wandb", "sync", "encoders"]) == 0

    sent = wandb_server.asked["UpsertBucket"][0]
    assert sent["name"] == (run.path / "wandb" / "kgrec-run-id").read_text()
    assert (sent["groupName"], sent["jobType"], sent["tags"]) == ("encoders", "train", ["tag"])
    assert json.loads(sent["config"])["lr"] == {"value": 0.1}
    made = {
        given["input"]["artifactCollectionName"]: given["input"]
        for given in wandb_server.asked["CreateArtifact"]
    }
    assert {name: given["artifactTypeName"] for name, given in made.items()} == {
        "planted": "dataset",
        "model-one": "model",
    }
    assert made["planted"]["runName"] is None  # used by the run, not made by it
    assert made["model-one"]["runName"] == sent["name"]
    (use,) = wandb_server.asked["UseArtifact"]
    assert (use["input"]["artifactID"], use["input"]["runName"]) == ("planted", sent["name"])
    assert {step: row["train/loss"] for step, row in wandb_server.streamed.items()} == {1: 1, 2: 0.5}
    assert wandb_server.runs[sent["name"]]["state"] == "finished"
    files = wandb_server.files[sent["name"]]
    assert "wandb-summary.json" in files
    assert files["one/config.yaml"] == b"lr: 0.1\n"
    capfd.readouterr()
    assert main(["wandb", "sync", "encoders", "--dry-run"]) == 0
    assert capfd.readouterr().out.strip() == ""  # nothing is left to be sent
