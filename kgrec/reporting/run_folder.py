"""The run folder: what every run leaves behind, and the only thing that comparisons read."""

import json
import logging
import math
import os
import re
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from types import MappingProxyType
from typing import Any

import polars as pl
import yaml  # type: ignore[import-untyped]

from kgrec.errors import InputError
from kgrec.reporting.environment import changes, environment

log = logging.getLogger(__name__)

NOT_IN_RUN_ID = ("seed", "group", "paths", "logger", "launcher", "hydra")
"""Settings that leave what is computed alone, and the seed, which is named on its own."""

SPEED = re.compile(r"lm\.(\w+\.)*speed\.")
"""Settings below it change how fast texts become vectors, and nothing else."""

AS_IF = {"train.runtime.progress": "off"}
"""Settings that leave what is computed alone too, but stood in the ids of the first runs, with this value."""

ADDED_SINCE: dict[str, Any] = {
    "choices.task": "ranking",
    "task._target_": "kgrec.tasks.ranking.Ranking",
    "lm.prefix": "",
    "choices.shape": "none",
    "shape._target_": "kgrec.kg.shaping.shape.Shape",
    "shape.steps": [],
    "model.triples.rules": None,
    "model.triples.rule_weight": 0.0,
    "data.source.reading.attributes": None,
    "model.kernel.attributes": [0.1, 0.3, 1.0],
    "lm_recommender.averaging": 0.0,
}
"""Settings that came after the first runs, with the value that those had: left out, so they are found."""

ADDED_SINCE_TO = {
    ("lm._target_", "kgrec.text.transformer.TransformerEncoder"): {"lm.vocabulary": "full"},
    ("lm._target_", "kgrec.text.static.StaticEncoder"): {"lm.dtype": "float32"},
}
"""The same for one component alone, where another had a setting of that name from the start."""


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings → dotted key → value; lists stay whole."""
    flat: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def settings_of_run(config: Mapping[str, Any]) -> dict[str, Any]:
    """Flat settings that decide what is computed: all but those named above."""
    flat = flatten(config)
    added = [*ADDED_SINCE.items()]
    for (key, target), settings in ADDED_SINCE_TO.items():
        added += settings.items() if flat.get(key) == target else ()
    told = {key: AS_IF.get(key, value) for key, value in flat.items()}
    return {key: value for key, value in told.items() if _is_of_run(key) and (key, value) not in added}


def _is_of_run(key: str) -> bool:
    return re.split(r"[./@]", key)[0] not in NOT_IN_RUN_ID and not SPEED.match(key)


class RunFolder:
    """One run's folder; writing makes it, reading does not.

    Every file is written under a temporary name and renamed, except ``metrics.jsonl``, which grows by one
    line per epoch. ``summary.json`` is written last: where it is, the run is finished. What is there to be
    looked at, ``examples.json`` and a logger's files, may come after it.

    Args:
        path: ``<runs>/<group>/<run id>``.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)

    @property
    def name(self) -> str:
        """The run id."""
        return self.path.name

    @property
    def checkpoint_dir(self) -> Path:
        """Where :class:`kgrec.training.checkpoint.Checkpoint` keeps its files."""
        return self.path / "checkpoint"

    @property
    def is_finished(self) -> bool:
        """Whether the run has its summary."""
        return (self.path / "summary.json").is_file()

    def write(self, name: str, content: bytes) -> None:
        """Store any one file: a reader sees the whole of it or none.

        Raises:
            InputError: the folder cannot be written or the disk is full; an older file stays as it was.
        """
        temporary = self.path / f".{name}.tmp"
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            with temporary.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())  # the rename must not reach the disk before the content
            temporary.replace(self.path / name)
        except OSError as error:
            raise self._unwritable(name, error) from error

    def start(self, config: str, seed: int, data: Mapping[str, str | None] = MappingProxyType({})) -> None:
        """Begin the run, or go on with it: store the resolved configuration (YAML) and the environment.

        What changed in code, versions or data since a stopped run began is logged.

        Args:
            config: as YAML.
            seed: of the run.
            data: digests of what it learns from, see :func:`kgrec.summary.data_digests`.

        Raises:
            InputError: the folder holds a run made with other settings, or cannot be written.
        """
        self._check_same_settings(yaml.safe_load(config))
        self.write("config.yaml", config.encode())
        env = {**environment(seed), "data": dict(data)}
        if changed := self._changes(env):
            log.warning("%s goes on with what an earlier start left, but since then: %s", self.path, changed)
        self.write("env.json", _json(env, indent=2))

    def write_per_user(self, table: pl.DataFrame) -> None:
        """Store one row per test user, one column per metric."""
        content = BytesIO()
        table.write_parquet(content)
        self.write("per_user.parquet", content.getvalue())

    def write_examples(self, examples: Mapping[str, Any]) -> None:
        """Store lists of a few users, as :meth:`kgrec.reporting.exhibits.Exhibits.as_json` has them."""
        self.write("examples.json", _json(examples, indent=2))

    def write_summary(self, summary: Mapping[str, str | float | int | bool | None]) -> None:
        """Store the flat summary, and thereby finish the run.

        Raises:
            ValueError: a value is no plain value, so the summary is not flat.
        """
        for key, value in summary.items():
            if not isinstance(value, str | float | int | None):
                raise ValueError(f"summary[{key!r}] is a {type(value).__name__}, expected a plain value")
        self.write("summary.json", _json(dict(summary), indent=2))

    def reset_metrics(self, rows: Sequence[Mapping[str, float]]) -> None:
        """Make ``metrics.jsonl`` hold exactly these rows: those up to the epoch a run goes on from."""
        self.write("metrics.jsonl", b"".join(_json(row) for row in rows))

    def append_metrics(self, row: Mapping[str, float]) -> None:
        """Add one line to ``metrics.jsonl``."""
        try:
            with (self.path / "metrics.jsonl").open("ab") as file:
                file.write(_json(row))
        except OSError as error:
            raise self._unwritable("metrics.jsonl", error) from error

    def read_config(self) -> dict[str, Any]:
        """The resolved configuration."""
        return dict(self._read("config.yaml", yaml.safe_load))

    def read_env(self) -> dict[str, Any]:
        """Versions, commit, host, digests of the data."""
        return dict(self._read("env.json", json.loads))

    def read_summary(self) -> dict[str, Any]:
        """The summary of a finished run."""
        return dict(self._read("summary.json", json.loads))

    def read_metrics(self) -> list[dict[str, float]]:
        """Rows of ``metrics.jsonl``."""
        return list(self._read("metrics.jsonl", lambda text: [json.loads(row) for row in text.splitlines()]))

    def read_per_user(self) -> pl.DataFrame:
        """One row per test user."""
        path = self.path / "per_user.parquet"
        try:
            return pl.read_parquet(path, glob=False)  # a folder's name may have brackets
        except (OSError, pl.exceptions.PolarsError) as error:
            raise InputError(f"{path}: cannot be read ({error})") from error

    def _changes(self, env: Mapping[str, Any]) -> str:
        """What is not as it was when the run began, in words; empty where it begins now."""
        return "; ".join(changes(self.read_env(), env)) if (self.path / "env.json").is_file() else ""

    def _check_same_settings(self, config: Mapping[str, Any]) -> None:
        """The run id is made from overrides, so it stays when a file under ``conf/`` is edited."""
        if not (self.path / "config.yaml").is_file():
            return
        stored, wanted = settings_of_run(self.read_config()), settings_of_run(config)
        for key in sorted(stored.keys() | wanted.keys()):
            if stored.get(key) != wanted.get(key):
                raise InputError(
                    f"{self.path}: a run made with {key}={stored.get(key)} where {wanted.get(key)} is wanted "
                    "now; delete the folder or choose another group"
                )

    def _read(self, name: str, parse: Any) -> Any:
        path = self.path / name
        try:
            return parse(path.read_text())
        except FileNotFoundError as error:
            raise InputError(f"{path}: found no such file, expected the folder of a run") from error
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise InputError(f"{path}: cannot be read ({error})") from error

    def _unwritable(self, name: str, error: OSError) -> InputError:
        return InputError(
            f"{self.path / name}: cannot be written ({error.strerror}); free some space or set paths.runs "
            "to a writable folder"
        )


def _json(value: Any, indent: int | None = None) -> bytes:
    """One line of strict JSON (or an indented text), where what is not a number is null."""
    return (json.dumps(_strict(value), indent=indent, allow_nan=False) + "\n").encode()


def _strict(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _strict(item) for key, item in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
