"""Names with their years, side by side: what the methods that measure likeness compare."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from kgrec.kg.linking.titles import parse_title
from kgrec.shapes import BoolArray, FloatArray


@dataclass(frozen=True)
class NameTable:
    """Names of items or entities.

    Attributes:
        ids: ``n`` items or entities; one may have several names.
        words: ``n`` names in comparable words, none empty.
        years: ``[n]``, NaN where unknown.
    """

    ids: list[str]
    words: list[str]
    years: FloatArray

    @classmethod
    def of(cls, frame: pl.DataFrame, id_column: str, name_column: str) -> "NameTable":
        """From a frame with columns for the id, the name and the ``year``."""
        rows = [
            (identity, title.words, title.year if year is None else year)
            for identity, name, year in frame.select(id_column, name_column, "year").iter_rows()
            if name is not None and (title := parse_title(name)).words
        ]
        years = np.array([np.nan if year is None else year for _, _, year in rows], dtype=np.float64)
        return cls([row[0] for row in rows], [row[1] for row in rows], years)

    def __len__(self) -> int:
        return len(self.ids)

    def where(self, keep: BoolArray) -> "NameTable":
        """The names that ``keep [n]`` marks."""
        kept = np.flatnonzero(keep).tolist()
        return NameTable([self.ids[row] for row in kept], [self.words[row] for row in kept], self.years[keep])

    def same_time(self, others: "NameTable", max_gap: int, needs_year: bool) -> BoolArray:
        """``[n, m]``: whether two names are at most ``max_gap`` years apart.

        Args:
            others: m names.
            max_gap: years.
            needs_year: what is said where a year is unknown: ``True`` = no.
        """
        gap = np.abs(self.years[:, None] - others.years[None, :])
        near: BoolArray = gap <= max_gap
        return near if needs_year else near | np.isnan(gap)
