"""KGAT's format: integers separated by blanks, no header.

Format: https://github.com/xiangwang1223/knowledge_graph_attention_network, ``Data/README.md``.
``kg_final.txt`` has a triple ``head relation tail`` per line, ``train.txt`` and ``test.txt`` a user with all
their items per line, ``user item item …``. Others took the triples over with tabs (CKAN, MCCLK).
"""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from kgrec.data.formats.tsv import read_utf8
from kgrec.errors import InputError

USER_AND_ITEMS = r"^\s*\d+(\s+\d+)*\s*$"


def read_triples(path: Path) -> pl.DataFrame:
    """Read ``kg_final.txt``: ``head, relation, tail``; see :func:`read_numbers`."""
    return read_numbers(path, ("head", "relation", "tail"))


def read_numbers(path: Path, names: Sequence[str]) -> pl.DataFrame:
    """Read lines of as many numbers as there are ``names``, as strings without leading zeros.

    Raises:
        InputError: naming file and line: no such file, an empty one, a line of anything else.
    """
    lines = _lines(path)
    groups = r"\s+".join(rf"(?<{name}>\d+)" for name in names)
    numbers = lines.str.extract_groups(rf"^\s*{groups}\s*$").struct.unnest().cast(pl.Int64, strict=False)
    wrong = numbers.select(pl.any_horizontal(pl.all().is_null())).to_series()
    _refuse(path, lines, wrong, f"{len(names)} whole numbers: {' '.join(names)}")
    return numbers.cast(pl.String)


def read_interactions(path: Path) -> pl.DataFrame:
    """Read ``train.txt`` or ``test.txt``: ``user, item``, in file order, repeated items as they stand.

    A user without items is a line of its own number, and gives no row.

    Raises:
        InputError: naming file and line: no such file, an empty one, a line that is not all numbers.
    """
    lines = _lines(path)
    numbers = lines.str.extract_all(r"\d+").cast(pl.List(pl.Int64), strict=False)
    wrong = ~lines.str.contains(USER_AND_ITEMS) | numbers.list.eval(pl.element().is_null()).list.any()
    _refuse(path, lines, wrong, "whole numbers: user item item …")
    ids = numbers.cast(pl.List(pl.String))
    rows = pl.DataFrame({"user": ids.list.first(), "item": ids.list.slice(1)})
    return rows.filter(pl.col("item").list.len() > 0).explode("item")


def _lines(path: Path) -> pl.Series:
    return pl.Series([read_utf8(path).decode()]).str.split("\n").explode()


def _refuse(path: Path, lines: pl.Series, wrong: pl.Series, expected: str) -> None:
    if wrong.any():
        row = int(wrong.arg_true()[0])
        line = lines[row]
        shown = line if len(line) <= 60 else line[:60] + "…"
        raise InputError(f"{path}: line {row + 1}: found {shown!r}, expected {expected}")
