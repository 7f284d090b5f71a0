"""From a table of items to what linking knows of them."""

from collections.abc import Sequence

import polars as pl

from kgrec.errors import InputError
from kgrec.kg.linking.base import ItemSide
from kgrec.kg.linking.titles import comparable

SEPARATORS = r"\s*[|;]\s*"
"""Between the values of one cell."""

_YEAR = r"\b((?:1[5-9]|20)\d\d)\b"


def item_side(
    table: pl.DataFrame,
    *,
    title: str | None,
    year: str | None = None,
    identifiers: Sequence[str] = (),
    attributes: Sequence[str] = (),
    given: pl.DataFrame | None = None,
) -> ItemSide:
    """Pick the columns of ``table`` that linking reads.

    Args:
        table: one row per item: ``item`` and any other columns.
        title: column of the title; ``None`` = there is none.
        year: column that holds the year, alone or in a date; where there is no such column, or it is empty,
            the year in brackets behind the title is taken.
        identifiers: columns that hold what the item is called in other catalogues.
        attributes: columns that hold what the graph may tell too; several values are separated by ``|``
            or ``;``.
        given: ``item, entity``: links that are known.

    Raises:
        InputError: a column that the table does not have.
    """
    for setting, names in (("title", [title]), ("id", identifiers), ("attribute", attributes)):
        missing = [name for name in names if name is not None and name not in table.columns]
        if missing:
            raise InputError(
                f"{setting} {missing[0]!r}: the item table has no such column; columns there are: "
                f"{', '.join(table.columns)}"
            )
    nothing = pl.lit(None, dtype=pl.String)
    when = pl.col(year).cast(pl.String) if year is not None and year in table.columns else nothing
    return ItemSide(
        names=table.select(
            "item",
            title=nothing if title is None else pl.col(title).cast(pl.String),
            year=when.str.extract(_YEAR).cast(pl.Int64),
        ),
        identifiers=_long(table, identifiers),
        attributes=_comparable(_long(table, attributes)),
        given=_long(table, []).rename({"value": "entity"})
        if given is None
        else given.select("item", "entity"),
    )


def _long(table: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """``item, value``, one row per value of the columns."""
    parts = [
        table.select(
            "item", value=pl.col(column).cast(pl.String).str.replace_all(SEPARATORS, "|").str.split("|")
        )
        for column in columns
    ]
    if not parts:
        return pl.DataFrame(schema={"item": pl.String, "value": pl.String})
    long = pl.concat(parts).explode("value").drop_nulls()
    return long.filter(pl.col("value") != "").unique(maintain_order=True)


def _comparable(values: pl.DataFrame) -> pl.DataFrame:
    plain = pl.Series("value", map(comparable, values["value"]), dtype=pl.String)
    return values.with_columns(plain).filter(pl.col("value") != "").unique(maintain_order=True)
