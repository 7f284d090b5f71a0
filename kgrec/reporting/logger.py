"""Loggers: mirrors of the run folder. W&B, a CSV file, or nothing."""

import logging
import netrc
import os
import secrets
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import polars as pl

from kgrec.errors import InputError
from kgrec.reporting.run_folder import RunFolder

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunInfo:
    """What a logger is told of a run; see :meth:`RunLogger.start`."""

    config: Mapping[str, Any]
    name: str
    group: str
    job_type: str
    tags: tuple[str, ...]
    seed: int


class RunLogger(ABC):
    """Mirror one run after the other; leaving a ``with`` block finishes the run, also where it failed."""

    def start(
        self,
        run_folder: RunFolder,
        config: Mapping[str, Any],
        name: str,
        group: str,
        job_type: str,
        tags: Sequence[str],
        seed: int,
    ) -> None:
        """Begin a run, or go on with the one that an earlier job began in the same folder.

        Args:
            run_folder: of the run; the logger's own files lie in it.
            config: resolved configuration, plain values.
            name: shown name.
            group: runs that are compared with each other, e.g. the sweep.
            job_type: what the job does, e.g. ``train``.
            tags: free words.
            seed: the run's seed.
        """
        self._begin(run_folder, RunInfo(config, name, group, job_type, tuple(tags), seed))

    @abstractmethod
    def _begin(self, run_folder: RunFolder, info: RunInfo) -> None:
        """Begin the run."""

    @abstractmethod
    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Mirror the metrics of one step (an epoch)."""

    @abstractmethod
    def summary(self, values: Mapping[str, Any]) -> None:
        """Mirror the summary."""

    @abstractmethod
    def finish(self, failed: bool = False) -> None:
        """End the run; does nothing where none was begun."""

    def __enter__(self) -> "RunLogger":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.finish(failed=kind is not None)


class NoLogger(RunLogger):
    """No mirror: the run folder is enough."""

    def _begin(self, run_folder: RunFolder, info: RunInfo) -> None:
        pass

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Do nothing."""

    def summary(self, values: Mapping[str, Any]) -> None:
        """Do nothing."""

    def finish(self, failed: bool = False) -> None:
        """Do nothing."""


class CsvLogger(RunLogger):
    """``metrics.csv`` in the run folder: the epochs as a table for spreadsheets.

    A run that goes on replaces the rows from its first new step on. The summary is not repeated here: it
    is ``summary.json``.
    """

    FILE = "metrics.csv"

    def __init__(self) -> None:
        self._run_folder: RunFolder | None = None
        self._rows: list[dict[str, Any]] = []

    def _begin(self, run_folder: RunFolder, info: RunInfo) -> None:
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

    def finish(self, failed: bool = False) -> None:
        """Forget the run; its table is complete."""
        self._run_folder, self._rows = None, []


class WandbLogger(RunLogger):
    """Weights & Biases; one W&B run per run folder, its files inside the folder.

    W&B is a mirror: where it fails, a warning says so and the job goes on without it.

    Args:
        project: W&B project.
        entity: W&B user or team; ``None`` = the account's default.
        mode: ``online``; ``offline`` (files only, sent later with ``wandb sync``); ``disabled``; ``auto`` =
            what WANDB_MODE says, else online where an API key is configured (WANDB_API_KEY or the netrc
            file), else offline.

    Raises:
        InputError: an unknown mode.
    """

    MODES = ("auto", "online", "offline", "disabled")
    ID_FILE = "kgrec-run-id"

    def __init__(self, project: str, entity: str | None, mode: str) -> None:
        if mode not in self.MODES:
            raise InputError(f"logger.mode: found {mode!r}, expected one of {', '.join(self.MODES)}")
        self.project = project
        self.entity = entity
        self.mode = mode
        self._run: Any = None

    def _begin(self, run_folder: RunFolder, info: RunInfo) -> None:
        import wandb

        logging.getLogger("wandb").propagate = False  # its debug.log has it; the console is ours
        with self._going_on_without("start"):
            self._run = wandb.init(
                project=self.project,
                entity=self.entity,
                id=self._wandb_id(run_folder),
                resume="allow",
                dir=run_folder.path,
                name=info.name,
                group=info.group,
                job_type=info.job_type,
                tags=info.tags,
                config={**info.config, "seed": info.seed},
                mode=self._resolved_mode(),
                settings=wandb.Settings(console="off", silent=True),
            )

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Mirror the metrics of one step."""
        if self._run is not None:
            with self._going_on_without("log"):
                self._run.log(dict(metrics), step=step)

    def summary(self, values: Mapping[str, Any]) -> None:
        """Mirror the summary."""
        if self._run is not None:
            with self._going_on_without("store the summary"):
                self._run.summary.update(dict(values))

    def finish(self, failed: bool = False) -> None:
        """End the W&B run: without it, the next job of a multirun would join this one."""
        if self._run is not None:
            with self._going_on_without("finish"):
                self._run.finish(exit_code=1 if failed else 0)
            self._run = None

    @contextmanager
    def _going_on_without(self, what: str) -> Iterator[None]:
        import wandb

        try:
            yield
        except (wandb.errors.Error, OSError) as error:
            self._run = None
            log.warning(
                "W&B could not %s (%s); going on without it: the run folder has everything, and "
                "logger.mode=offline needs no connection",
                what,
                " ".join(str(error).split()),
            )

    def _wandb_id(self, run_folder: RunFolder) -> str:
        """Run id + a suffix drawn once per folder.

        A resumed run stays the same W&B run, and one made anew from the same settings, on another machine
        or after its folder was deleted, is another.
        """
        path = run_folder.path / "wandb" / self.ID_FILE
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{run_folder.name}-{secrets.token_hex(3)}")
        return path.read_text().strip()

    def _resolved_mode(self) -> Any:
        if self.mode != "auto":
            return self.mode
        return os.environ.get("WANDB_MODE") or ("online" if has_api_key() else "offline")


def has_api_key() -> bool:
    """Whether W&B's own places for a key hold one; the key itself is not read."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    host = urlsplit(os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")).netloc
    try:
        file = os.environ.get("NETRC") or Path.home() / ".netrc"
        return netrc.netrc(file).authenticators(host) is not None
    except (OSError, RuntimeError, netrc.NetrcParseError):  # no home, no file, or none that W&B could read
        return False
