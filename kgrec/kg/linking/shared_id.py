"""Identifiers of other catalogues that the items and the graph share: IMDb, ISBN, MusicBrainz, Wikidata."""

import re

import polars as pl

from kgrec.kg.linking.base import LinkTask


class SharedId:
    """Joins the items' identifiers with literals and local names of the entities.

    An identifier that several entities bear gives several candidates, which are ambiguous. Columns of the
    item table are identifiers only where somebody says so: numbers meet by chance.
    """

    name = "shared_id"
    is_certain = True

    def __call__(self, task: LinkTask) -> pl.DataFrame:
        """See :class:`kgrec.kg.linking.base.LinkMethod`."""
        left = task.items.identifiers.with_columns(key=_keys(task.items.identifiers["value"]))
        right = task.graph.identifiers.with_columns(key=_keys(task.graph.identifiers["value"]))
        joined = left.filter(pl.col("key") != "").join(right, on="key", maintain_order="left_right")
        return joined.select("item", "entity", score=pl.lit(1.0)).unique(maintain_order=True)


def identifier_key(value: str) -> str:
    """What two spellings of one identifier have in common.

    Case, spaces and hyphens do not count, nor does IMDb's ``tt`` or a zero in front; the two ISBNs of a
    book (10 digits, 13 digits) have one key.
    """
    plain = re.sub(r"[\s-]", "", value).casefold()
    if _is_isbn10(plain):
        return "isbn" + plain[:9]
    if _is_isbn13(plain):
        return "isbn" + plain[3:12]
    return re.sub(r"^(?:tt(?=\d))?0*(?=.)", "", plain)


def _keys(values: pl.Series) -> pl.Series:
    distinct = values.unique()
    return values.replace_strict(
        distinct, pl.Series([identifier_key(value) for value in distinct], dtype=pl.String)
    )


def _is_isbn10(text: str) -> bool:
    """Whether the last of ten digits is the check digit, which may be x."""
    if not re.fullmatch(r"\d{9}[\dx]", text):
        return False
    digits = [10 if char == "x" else int(char) for char in text]
    return sum((10 - place) * digit for place, digit in enumerate(digits)) % 11 == 0


def _is_isbn13(text: str) -> bool:
    if not re.fullmatch(r"978\d{10}", text):
        return False
    return sum((3 if place % 2 else 1) * int(char) for place, char in enumerate(text)) % 10 == 0
