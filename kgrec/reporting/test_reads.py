"""The book of test reads: every evaluation on a test set leaves a line (design §11)."""

import datetime
import json
import os
from pathlib import Path
from typing import Any

from kgrec.errors import InputError

BOOK = "test_reads.jsonl"


def book_of_test_reads(given: str | None, runs: Path) -> Path:
    """Where the book lies.

    Args:
        given: the setting ``paths.test_reads``; ``None`` = that of the checkout in which the command runs,
            else one beside the run folders.
        runs: folder of the run folders.
    """
    if given is not None:
        return Path(given)
    results = Path("experiments") / "results"
    return (results if results.is_dir() else runs) / BOOK


def log_test_read(
    book: Path, run: str, commit: str | None, config: dict[str, str], figure: dict[str, float]
) -> None:
    """Append one line; several processes may write at once.

    Args:
        book: a JSON-lines file, made when missing.
        run: run id.
        commit: of the code, ``None`` outside a checkout.
        config: the choices that name the run, e.g. ``{"model": "hybrid", "kg": "full"}``.
        figure: the metric that was read, by key.

    Raises:
        InputError: the file cannot be written.
    """
    line: dict[str, Any] = {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "run": run,
        "commit": commit,
        "config": config,
        "figure": figure,
    }
    try:
        book.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(book, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            os.write(handle, (json.dumps(line) + "\n").encode())  # one write: lines never interleave
        finally:
            os.close(handle)
    except OSError as error:
        raise InputError(
            f"{book}: cannot log the test read ({error.strerror}); set paths.test_reads"
        ) from error
