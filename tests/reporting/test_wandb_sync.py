"""``wandb sync`` itself, from offline files to a stand-in of W&B's server that records what it is sent."""

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from kgrec.cli import main
from kgrec.reporting.loggers.base import RunInfo, Source
from kgrec.reporting.loggers.wandb import WandbLogger
from kgrec.reporting.run_folder import RunFolder

OWNER = {"id": "e", "name": "someone"}


class Server(ThreadingHTTPServer):
    """Answers what the client asks, and keeps it.

    Attributes:
        asked: operation → variables of each request.
        streamed: rows of history, by step.
        files: names of the files that were sent.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: dict[str, list[dict[str, Any]]] = {}
        self.streamed: dict[int, dict[str, Any]] = {}
        self.files: set[str] = set()
        self.address = f"http://127.0.0.1:{self.server_port}"

    def answer(self, operation: str, given: dict[str, Any]) -> dict[str, Any]:
        self.asked.setdefault(operation, []).append(given)
        answers: dict[str, Callable[[], dict[str, Any]]] = {
            "ServerFeaturesQuery": lambda: {"serverInfo": {"features": []}},
            "RunResumeStatus": lambda: {
                "model": {"id": "p", "name": given["project"], "entity": OWNER, "bucket": None}
            },
            "UpsertBucket": lambda: {"upsertBucket": {"inserted": True, "bucket": _bucket(given)}},
            "CreateArtifact": lambda: {"createArtifact": {"artifact": _artifact(given["input"])}},
            "UseArtifact": lambda: {"useArtifact": {"artifact": {"id": given["input"]["artifactID"]}}},
            "CreateRunFiles": lambda: {
                "createRunFiles": {
                    "runID": "r",
                    "uploadHeaders": [],
                    "files": [
                        {"name": name, "uploadUrl": f"{self.address}/sent/{name}"} for name in given["files"]
                    ],
                }
            },
        }
        return answers[operation]() if operation in answers else {}


def _bucket(given: dict[str, Any]) -> dict[str, Any]:
    project = {"id": "p", "name": given["project"], "entity": OWNER}
    unset = dict.fromkeys(("description", "config", "sweepName"))
    named = {"id": "r", "name": given["name"], "displayName": given["displayName"]}
    return {**unset, **named, "historyLineCount": 0, "project": project}


def _artifact(given: dict[str, Any]) -> dict[str, Any]:
    """One whose content the server has already, so that no file is asked for."""
    return {
        "id": given["artifactCollectionName"],
        "state": "COMMITTED",
        "artifactSequence": {"latestArtifact": None},
    }


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        answer: dict[str, Any] = {}
        if self.path == "/graphql":
            asked = json.loads(body)
            answer = {"data": self.server.answer(asked["operationName"], asked.get("variables") or {})}
        elif self.path.endswith("/file_stream"):
            history = json.loads(body).get("files", {}).get("wandb-history.jsonl", {}).get("content", [])
            for row in map(json.loads, history):
                self.server.streamed[row["_step"]] = row
        elif self.path.startswith("/sent/"):
            self.server.files.add(self.path.removeprefix("/sent/"))
        content = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = _any  # noqa: N815


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.mark.slow
def test_a_group_is_sent_with_its_lineage_once(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("WANDB_MODE", "WANDB_DIR", "WANDB_DATA_DIR", "NETRC"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    run = RunFolder(tmp_path / "runs" / "encoders" / "one")
    run.write("config.yaml", b"lr: 0.1\n")
    run.checkpoint_dir.mkdir()
    (run.checkpoint_dir / "model.safetensors").write_bytes(b"weights")
    with WandbLogger("kgrec-test", None, "offline", [], "", False, 1) as logger:
        source = Source("dataset", "planted", "1c0ffee", {})
        logger.start(run, RunInfo({"lr": 0.1}, run.name, "encoders", "train", ("tag",), (source,)))
        for epoch in (1, 2):
            logger.log({"epoch": epoch, "train/loss": 1 / epoch}, step=epoch)
        logger.summary({"test/recall@20": 0.25})

    monkeypatch.setenv("WANDB_BASE_URL", server.address)
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    assert main(["wandb", "sync", "encoders"]) == 0

    sent = server.asked["UpsertBucket"][0]
    assert sent["name"] == (run.path / "wandb" / "kgrec-run-id").read_text()
    assert (sent["groupName"], sent["jobType"], sent["tags"]) == ("encoders", "train", ["tag"])
    assert json.loads(sent["config"])["lr"] == {"value": 0.1}
    made = {
        given["input"]["artifactCollectionName"]: given["input"] for given in server.asked["CreateArtifact"]
    }
    assert {name: given["artifactTypeName"] for name, given in made.items()} == {
        "planted": "dataset",
        "model-one": "model",
    }
    assert made["planted"]["runName"] is None  # used by the run, not made by it
    assert made["model-one"]["runName"] == sent["name"]
    (use,) = server.asked["UseArtifact"]
    assert (use["input"]["artifactID"], use["input"]["runName"]) == ("planted", sent["name"])
    assert {step: row["train/loss"] for step, row in server.streamed.items()} == {1: 1, 2: 0.5}
    assert "wandb-summary.json" in server.files
    capfd.readouterr()
    assert main(["wandb", "sync", "encoders", "--dry-run"]) == 0
    assert capfd.readouterr().out.strip() == ""  # nothing is left to be sent
