"""A stand-in of W&B's server on the loopback address, for W&B's own client to talk to."""

import gzip
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest

OWNER = {"id": "e", "name": "someone"}


class Server(ThreadingHTTPServer):
    """Answers what the client asks, and keeps it.

    Attributes:
        asked: operation → variables of each request.
        streamed: rows of history, by step.
        files: run → name → content of the files that were sent.
        downloads: run and name of each file that was asked for.
        runs: run → what is known of it.
        knows_key: whether the client's key is taken.
        failures: what the stand-in could not answer; the test that asked fails.
    """

    PAGE = 2  # runs at once, fewer than the client asks for
    request_queue_size = 64  # the client opens many connections at once

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: dict[str, list[dict[str, Any]]] = {}
        self.streamed: dict[int, dict[str, Any]] = {}
        self.files: dict[str, dict[str, bytes]] = {}
        self.downloads: list[tuple[str, str]] = []
        self.runs: dict[str, dict[str, Any]] = {}
        self.knows_key = True
        self.failures: list[Exception] = []
        self.address = f"http://127.0.0.1:{self.server_port}"

    def answer(self, operation: str, given: dict[str, Any]) -> dict[str, Any]:
        self.asked.setdefault(operation, []).append(given)
        answers: dict[str, Callable[[], dict[str, Any]]] = {
            "ServerFeaturesQuery": lambda: {"serverInfo": {"features": []}},
            "RunResumeStatus": lambda: {
                "model": {"id": "p", "name": given["project"], "entity": OWNER, "bucket": None}
            },
            "UpsertBucket": lambda: {"upsertBucket": {"inserted": True, "bucket": self._begin(given)}},
            "CreateArtifact": lambda: {"createArtifact": {"artifact": _artifact(given["input"])}},
            "UseArtifact": lambda: {"useArtifact": {"artifact": {"id": given["input"]["artifactID"]}}},
            "CreateRunFiles": lambda: {
                "createRunFiles": {
                    "runID": "r",
                    "uploadHeaders": [],
                    "files": [
                        {"name": name, "uploadUrl": self._url(given["run"], name)} for name in given["files"]
                    ],
                }
            },
        }
        answers |= {
            "Viewer": lambda: {"viewer": {"id": "v", "entity": OWNER["name"], "username": OWNER["name"]}},
            "GetDefaultEntity": lambda: {"viewer": {"id": "v", "entity": OWNER["name"]}},
            "Runs": lambda: {"project": self._page(given)},
            "RunFiles": lambda: {"project": {"internalId": "1", "run": self._files_of(given)}},
        }
        return answers[operation]() if operation in answers else {}

    def _begin(self, given: dict[str, Any]) -> dict[str, Any]:
        known = self.runs.setdefault(given["name"], {"state": "running"})
        known |= {key: given[key] for key in ("project", "groupName", "displayName") if given.get(key)}
        return _bucket(given)

    def _page(self, given: dict[str, Any]) -> dict[str, Any] | None:
        """Runs of a group, some at once; none where nothing was ever sent to the project."""
        runs = {name: run for name, run in self.runs.items() if run["project"] == given["project"]}
        if given["entity"] != OWNER["name"] or not runs:
            return None
        group = json.loads(given["filters"])["group"]
        nodes = [
            {
                "id": name,
                "projectId": 1,
                "name": name,
                "displayName": run["displayName"],
                "state": run["state"],
                "tags": [],
            }
            for name, run in runs.items()
            if run["groupName"] == group
        ]
        first = int(given.get("cursor") or 0)
        last = first + min(self.PAGE, given["perPage"])
        edges = [{"node": {**_UNKNOWN, **node}, "cursor": str(last)} for node in nodes[first:last]]
        pages = {"edges": edges, "pageInfo": {"endCursor": str(last), "hasNextPage": last < len(nodes)}}
        return {"internalId": "1", "runCount": len(nodes), "readOnly": False, "runs": pages}

    def _files_of(self, given: dict[str, Any]) -> dict[str, Any]:
        sent = self.files.get(given["name"], {})
        edges = [
            {
                "node": {
                    **{"id": name, "name": name, "sizeBytes": len(sent[name]), "mimetype": "", "md5": ""},
                    **dict.fromkeys(("url", "directUrl"), self._url(given["name"], name)),
                },
                "cursor": name,
            }
            for name in sent
            if name in given["fileNames"]
        ]
        pages = {"edges": edges, "pageInfo": {"endCursor": None, "hasNextPage": False}}
        return {"fileCount": len(sent), "files": pages}

    def _url(self, run: str, name: str) -> str:
        return f"{self.address}/sent/{quote(run)}/{quote(name)}"


_UNKNOWN = dict.fromkeys(
    ("sweepName", "group", "jobType", "commit", "createdAt", "heartbeatAt", "description")
)


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

    def handle(self) -> None:
        """Until the client hangs up, as it may."""
        with suppress(ConnectionResetError):
            super().handle()

    def _any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            self._send(*self._answer(body))
        except Exception as error:  # without an answer the client would try again, for days
            self.server.failures.append(error)
            self._send(400, repr(error).encode())

    def _answer(self, body: bytes) -> tuple[int, bytes]:
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        answer: dict[str, Any] = {}
        content = b""
        if self.path == "/graphql" and not self.server.knows_key:
            return 401, b"{}"
        if self.path == "/graphql":
            asked = json.loads(body)
            operation = re.search(r"(?:query|mutation)\s+(\w+)", asked["query"])
            assert operation is not None
            answer = {"data": self.server.answer(operation[1], asked.get("variables") or {})}
        elif self.path.endswith("/file_stream"):
            streamed = json.loads(body)
            if streamed.get("complete"):
                run = unquote(self.path.split("/")[-2])
                self.server.runs[run]["state"] = "failed" if streamed.get("exitcode") else "finished"
            history = streamed.get("files", {}).get("wandb-history.jsonl", {}).get("content", [])
            for row in map(json.loads, history):
                self.server.streamed[row["_step"]] = row
        elif self.path.startswith("/sent/"):
            run, name = (unquote(part) for part in self.path.removeprefix("/sent/").split("/", 1))
            if self.command == "PUT":
                self.server.files.setdefault(run, {})[name] = body
            else:
                self.server.downloads.append((run, name))
            content = self.server.files[run][name]
        return 200, content or json.dumps(answer).encode()

    def _send(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = _any  # noqa: N815


@pytest.fixture
def wandb_server() -> Iterator[Server]:
    import wandb

    wandb.teardown()  # within a process the client stays with the server that it knew first
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running
        wandb.teardown()
        running.shutdown()
        thread.join()
        assert not running.failures


@pytest.fixture
def account(tmp_path: Path, wandb_server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody who has logged in to the stand-in, in an empty working directory."""
    for name in ("WANDB_MODE", "WANDB_DIR", "WANDB_DATA_DIR", "WANDB_ENTITY", "NETRC"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("WANDB_BASE_URL", wandb_server.address)
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
