"""Tab-separated files, checked row by row."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from kgrec.errors import InputError

FIRST_ROW_LINE = 2
"""Line number of the first row: the header is line 1."""


def read_tsv(path: Path, encoding: str = "utf-8", names: Sequence[str] | None = None) -> pl.DataFrame:
    """Read a tab-separated file; nothing is quoted, both kinds of line ends are fine.

    Args:
        path: the file.
        encoding: of the file's text.
        names: of the columns, for a file without header line.

    Returns:
        All columns as strings under the names of the header, or ``names``; an empty field is null.

    Raises:
        InputError: the file is missing, empty or not in ``encoding``; a column name occurs twice; a row
            has more or fewer fields than there are names.
    """
    data = read_utf8(path, encoding)
    header = data.partition(b"\n")[0].decode().split("\t") if names is None else list(names)
    if len(set(header)) < len(header):
        raise InputError(f"{path}: line 1: a column name occurs twice in {header}; each must occur once")
    whose = "the header has" if names is None else "expected"
    _check_field_counts(path, data, len(header), whose)
    # The counts are checked here because polars fills short rows with nulls without a word.
    return pl.read_csv(
        io.BytesIO(data),
        separator="\t",
        quote_char=None,
        infer_schema=False,
        has_header=names is None,
        new_columns=header,
    )


def read_ids(path: Path, names: Sequence[str]) -> pl.DataFrame:
    """Read a table of ids without header.

    Raises:
        InputError: see :func:`read_tsv`; or a field is empty, with file and line.
    """
    table = read_tsv(path, names=names)
    for name in names:
        if (empty := table[name].is_null()).any():
            line = int(empty.arg_true()[0]) + 1
            raise InputError(f"{path}: line {line}: {name} is empty; an id is needed")
    return table


def first_line_where(mask: pl.Series) -> int:
    """Line number in the file of the first row for which ``mask`` (one bool per row) is true."""
    return int(mask.arg_true()[0]) + FIRST_ROW_LINE


def read_utf8(path: Path, encoding: str = "utf-8") -> bytes:
    """The file's text as UTF-8 with Unix line ends, none at its end.

    Raises:
        InputError: the file is missing, empty or not in ``encoding``.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        text = data.decode("utf-8-sig" if encoding == "utf-8" else encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise InputError(f"{path}: line {line}: not {encoding} text; save the file as {encoding}") from error
    text = text.replace("\r\n", "\n").rstrip("\n")
    if not text:
        raise InputError(f"{path}: the file is empty; rows are needed")
    return text.encode()


def _check_field_counts(path: Path, data: bytes, expected: int, whose: str) -> None:
    characters = np.frombuffer(data, dtype=np.uint8)
    starts = np.concatenate([[0], np.flatnonzero(characters == ord("\n")) + 1])
    counts = np.add.reduceat(characters == ord("\t"), starts, dtype=np.int64) + 1
    wrong = np.flatnonzero(counts != expected)
    if len(wrong):
        raise InputError(
            f"{path}: line {wrong[0] + 1}: {counts[wrong[0]]} tab-separated fields, {whose} {expected}"
        )
