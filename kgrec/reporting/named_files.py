"""Files and model folders that settings name: a run's id holds their names, its environment their content."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kgrec.reporting.run_folder import flatten

MODEL_SIGN = "config.json"
"""Lies in every folder of a language model; no other folder is looked into."""
DIGITS = 16


def named_files(config: Mapping[str, Any]) -> dict[str, str]:
    """Setting → digest of the file or model folder that it names; what is neither has no entry.

    Every byte is read, half a second for a gigabyte.

    Args:
        config: settings, nested or not.
    """
    named = {key: [*_files_of(value)] for key, value in flatten(config).items()}
    return {key: _digest(files) for key, files in named.items() if files}


def _files_of(value: Any) -> Iterator[Path]:
    for name in value if isinstance(value, list) else [value]:
        if isinstance(name, str) and name:
            yield from _files(name)


def _digest(files: list[Path]) -> str:
    whole = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            whole.update(f"{path.name}:{hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return whole.hexdigest()[:DIGITS]


def _files(name: str) -> list[Path]:
    try:
        path = Path(name).expanduser()
        if path.is_file():
            return [path]
        is_model = (path / MODEL_SIGN).is_file()
        return sorted(file for file in path.iterdir() if file.is_file()) if is_model else []
    except (OSError, RuntimeError):  # too long for a name, ~ of nobody, a folder that may not be read
        return []
