"""Tables of raw ids: csv, tsv (gzipped or not) and parquet, with errors that name file and row."""

import csv
import gzip
import io
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from kgrec.errors import InputError

ENDINGS = (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".parquet")
_SEPARATORS = {".csv": ",", ".tsv": "\t"}

ColumnTypes = Mapping[str, type[pl.DataType]]
"""Column name → ``pl.String`` (ids) or ``pl.Float64`` (finite numbers)."""


def read_table(
    path: Path,
    required: ColumnTypes,
    optional: ColumnTypes | None = None,
    columns: Mapping[str, str | None] | None = None,
) -> pl.DataFrame:
    """Read the named columns of a table.

    Args:
        path: ``.csv`` or ``.tsv`` (UTF-8 with a header, ``.gz`` allowed) or ``.parquet``.
        required: columns that must be there, by kgrec's names.
        optional: columns taken where the file has them.
        columns: kgrec's name → the file's name, where they differ; ``None`` = the file has no such column.

    Returns:
        The columns under kgrec's names, required ones first, in file order. No value is null.

    Raises:
        InputError: see :func:`read_all_columns` and :func:`select_columns`.
    """
    return select_columns(read_all_columns(path), path, required, optional, columns)


def read_all_columns(path: Path) -> pl.DataFrame:
    """Read a whole table; the values of csv and tsv stay strings. Blank lines are passed over.

    Raises:
        InputError: missing file, unknown ending, no rows, or not a table.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    if not path.name.lower().endswith(ENDINGS):
        raise InputError(f"{path}: unknown ending; a table is one of {', '.join(ENDINGS)}")
    try:
        if path.suffix.lower() == ".parquet":
            frame = pl.read_parquet(path)
        else:
            frame = pl.read_csv(path, separator=_separator(path), infer_schema=False)
            frame = frame.filter(~pl.all_horizontal(pl.all().is_null()))
    except pl.exceptions.NoDataError as error:
        raise InputError(f"{path}: the file is empty, expected a header and rows") from error
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputError(_why_unreadable(path, error)) from error
    frame = frame.rename({name: name.strip() for name in frame.columns})
    if frame.is_empty():
        raise InputError(f"{path}: no rows below the header {', '.join(frame.columns)}")
    return frame


def select_columns(
    frame: pl.DataFrame,
    path: Path,
    required: ColumnTypes,
    optional: ColumnTypes | None = None,
    columns: Mapping[str, str | None] | None = None,
) -> pl.DataFrame:
    """Pick, rename and convert columns of a frame read by :func:`read_all_columns`; see :func:`read_table`.

    Raises:
        InputError: a required column that is not there, an optional one that ``columns`` renames and that
            is not there, an empty value, or a number that is none; with file and row.
    """
    optional, columns = optional or {}, columns or {}
    picked = []
    for name, dtype in {**required, **optional}.items():
        source = columns.get(name, name)
        if source is None and name in optional:
            continue
        if source is None or source not in frame.columns:
            if name in optional and source == name:
                continue
            raise InputError(
                f"{path}: no column {source!r} for {name!r}; columns there are: {', '.join(frame.columns)}"
            )
        picked.append(_convert(frame[source], dtype, path).alias(name))
    return pl.DataFrame(picked)


def check_unique(frame: pl.DataFrame, column: str, path: Path) -> None:
    """Refuse a table in which a value of ``column`` occurs twice.

    Raises:
        InputError: naming both rows of the first repetition.
    """
    again = frame[column].is_first_distinct().not_().arg_true()
    if len(again):
        value = frame[column][again[0]]
        first = int((frame[column] == value).arg_true()[0])
        raise InputError(
            f"{row_name(path, again[0])}: {column} {value!r} a second time, first in "
            f"{row_name(path, first)}; expected one row for each"
        )


def row_name(path: Path, row: int) -> str:
    """How to name row ``row`` (from 0) to the file's author: by its line in a text, by its number else."""
    if path.suffix.lower() == ".parquet":
        return f"{path}, row {row + 1}"
    with _open_text(path) as file:
        reader = csv.reader(file, delimiter=_separator(path))
        next(reader)
        line = reader.line_num + 1
        for fields in reader:
            if any(fields):
                if row == 0:
                    break
                row -= 1
            line = reader.line_num + 1
    return f"{path}, line {line}"


def _separator(path: Path) -> str:
    return _SEPARATORS[(path.with_suffix("") if path.suffix.lower() == ".gz" else path).suffix.lower()]


def _open_text(path: Path) -> io.TextIOBase:
    if path.suffix.lower() == ".gz":
        return io.TextIOWrapper(gzip.open(path, "rb"), encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _convert(values: pl.Series, dtype: type[pl.DataType], path: Path) -> pl.Series:
    """``values`` as ``dtype``; names the first row that is empty or no such value."""
    if values.dtype.is_nested():
        raise InputError(f"{path}: column {values.name!r} holds {values.dtype}, expected single values")
    texts = values.cast(pl.String)
    empty = (texts.is_null() | (texts == "")).arg_true()
    if len(empty):
        raise InputError(f"{row_name(path, empty[0])}: {values.name} is empty, expected a value in each row")
    if dtype == pl.String:
        return texts
    numbers = (texts.str.strip_chars() if values.dtype == pl.String else values).cast(dtype, strict=False)
    wrong = (~numbers.is_finite().fill_null(False)).arg_true()
    if len(wrong):
        raise InputError(
            f"{row_name(path, wrong[0])}: {values.name} is {texts[wrong[0]]!r}, expected a number"
        )
    return numbers


def _why_unreadable(path: Path, error: Exception) -> str:
    """Polars' many lines in one; the first row that is longer than the header is named."""
    if path.suffix.lower() != ".parquet" and "more fields" in str(error):
        with _open_text(path) as file:
            reader = csv.reader(file, delimiter=_separator(path))
            width = len(next(reader))
            for fields in reader:
                if len(fields) > width:
                    return (
                        f"{path}, line {reader.line_num}: {len(fields)} fields, the header has {width}; "
                        "put quotes around values that hold the separator"
                    )
    return f"{path}: not a readable table: {' '.join(str(error).split())[:200]}"
