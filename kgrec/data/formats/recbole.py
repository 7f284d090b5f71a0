"""RecBole's atomic files: tab-separated tables with typed headers, ``name:type``.

Format: https://recbole.io/docs/user_guide/data/atomic_files.html. Types: ``token`` (an id or a
category), ``token_seq`` (tokens or words, space-separated), ``float``, ``float_seq``. The files of one
dataset share a name: ``.inter`` interactions, ``.item`` and ``.user`` attributes, ``.kg`` triples,
``.link`` item–entity links.
"""

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from kgrec.data.formats.tsv import first_line_where, read_tsv
from kgrec.errors import InputError

TYPES = ("token", "token_seq", "float", "float_seq")


def read_atomic(path: Path, required: Mapping[str, str]) -> pl.DataFrame:
    """Read one atomic file.

    Args:
        path: the file.
        required: column name → type, for the columns that must be there. Their tokens may not be empty.

    Returns:
        The file's columns without the types in their names: ``token`` and ``token_seq`` as strings as
        they stand (a title is a ``token_seq`` too), ``float`` as f64, ``float_seq`` as lists of f64;
        an empty field is null.

    Raises:
        InputError: naming file and line: what :func:`kgrec.data.formats.tsv.read_tsv` raises, a header
            that is not typed, a required column that is missing, of another type or empty in a row, a
            number that is none or is not finite.
    """
    table = read_tsv(path)
    types = _parse_header(path, table.columns)
    table.columns = list(types)
    for name, expected in required.items():
        if types.get(name) != expected:
            found = ", ".join(f"{column}:{kind}" for column, kind in types.items())
            raise InputError(f"{path}: line 1: no column {name}:{expected}; found {found}")
        empty = table[name].is_null()
        if expected == "token" and empty.any():
            raise InputError(f"{path}: line {first_line_where(empty)}: {name} is empty; an id is needed")
    return table.with_columns(
        *(_to_float(path, table[name]) for name, kind in types.items() if kind == "float"),
        *(_to_float_lists(path, table[name]) for name, kind in types.items() if kind == "float_seq"),
    )


def read_interactions(path: Path) -> pl.DataFrame:
    """Read an ``.inter`` file: ``user, item`` and, where the file has them, ``rating, timestamp``."""
    table = read_atomic(path, {"user_id": "token", "item_id": "token"})
    renamed = table.rename({"user_id": "user", "item_id": "item"})
    optional = [name for name in ("rating", "timestamp") if name in renamed.columns]
    for name in optional:
        if renamed.schema[name] != pl.Float64:
            raise InputError(f"{path}: line 1: column {name} must be of type float")
    return renamed.select("user", "item", *optional)


def read_triples(path: Path) -> pl.DataFrame:
    """Read a ``.kg`` file: ``head, relation, tail``."""
    names = {"head_id": "head", "relation_id": "relation", "tail_id": "tail"}
    return read_atomic(path, dict.fromkeys(names, "token")).select(*names).rename(names)


def read_links(path: Path) -> pl.DataFrame:
    """Read a ``.link`` file: ``item, entity``."""
    names = {"item_id": "item", "entity_id": "entity"}
    return read_atomic(path, dict.fromkeys(names, "token")).select(*names).rename(names)


def _parse_header(path: Path, columns: list[str]) -> dict[str, str]:
    """Column name → type, in file order."""
    types: dict[str, str] = {}
    for column in columns:
        name, _, kind = column.partition(":")
        if not name or kind not in TYPES:
            raise InputError(f"{path}: line 1: column {column!r} is not name:type with a type of {TYPES}")
        if name in types:
            raise InputError(f"{path}: line 1: column {name} occurs twice; each must occur once")
        types[name] = kind
    return types


def _to_float(path: Path, column: pl.Series) -> pl.Series:
    values = column.cast(pl.Float64, strict=False)
    bad = column.is_not_null() & ~values.is_finite().fill_null(False)
    if bad.any():
        row = int(bad.arg_true()[0])
        raise InputError(
            f"{path}: line {first_line_where(bad)}: {column.name} is {column[row]!r}; "
            "a finite number is needed"
        )
    return values


def _to_float_lists(path: Path, column: pl.Series) -> pl.Series:
    words = column.str.split(" ")
    values = words.cast(pl.List(pl.Float64), strict=False)
    finite = values.list.eval(pl.element().is_finite().fill_null(False)).list.all()
    bad = column.is_not_null() & ~finite
    if bad.any():
        row = int(bad.arg_true()[0])
        raise InputError(
            f"{path}: line {first_line_where(bad)}: {column.name} is {column[row]!r}; "
            "finite numbers separated by single spaces are needed"
        )
    return values
