"""The same title, the same year."""

from collections import defaultdict

import polars as pl

from kgrec.kg.linking.base import LinkTask, candidates
from kgrec.kg.linking.titles import Title, parse_title

ALIAS, PART, YEAR_OFF, YEAR_UNKNOWN = 0.95, 0.9, 0.9, 0.85
"""Factors of the score: an alias agrees in place of a title, a part of it; the year differs, is unknown."""


class TitleYear:
    """Joins items and entities whose titles are equal once made comparable.

    Score: 1 for title and year; times 0.95 where the title of one is an alias of the other (in brackets),
    0.9 where it is a part of the other's title (before or behind a colon or dash) in the same year, 0.9 for
    each year apart, 0.85 where a year is unknown.

    Args:
        max_year_gap: years that the two may be apart, 0 or more.
        needs_year: leave out pairs in which a year is unknown.

    Raises:
        ValueError: ``max_year_gap`` is negative.
    """

    name = "title_year"
    is_certain = False

    def __init__(self, max_year_gap: int, needs_year: bool) -> None:
        if max_year_gap < 0:
            raise ValueError(f"max_year_gap is {max_year_gap}, expected 0 or more")
        self.max_year_gap = max_year_gap
        self.needs_year = needs_year

    def __call__(self, task: LinkTask) -> pl.DataFrame:
        """See :class:`kgrec.kg.linking.base.LinkMethod`."""
        index: dict[str, list[tuple[str, float, int | None]]] = defaultdict(list)
        for entity, name, year in task.graph.names.iter_rows():
            for key, weight in _keys(parse_title(name)).items():
                index[key].append((entity, weight, year))
        rows = []
        for item, text, year in task.items.names.drop_nulls("title").iter_rows():
            title = parse_title(text)
            when = title.year if year is None else year
            for key, weight in _keys(title).items():
                for entity, other, entity_year in index.get(key, ()):
                    score = self._score(weight, other, when, entity_year)
                    if score > 0:
                        rows.append((item, entity, score))
        return candidates(rows)

    def _score(self, weight: float, other: float, year: int | None, entity_year: int | None) -> float:
        agreement = min(weight, other)
        if year is None or entity_year is None:
            return 0.0 if self.needs_year or agreement == PART else agreement * YEAR_UNKNOWN
        gap = abs(year - entity_year)
        if gap > self.max_year_gap or (gap and agreement == PART):
            return 0.0
        return float(agreement * YEAR_OFF**gap)


def _keys(title: Title) -> dict[str, float]:
    """Every comparable name of a title with its weight."""
    keys = dict.fromkeys(title.parts, PART)
    keys |= dict.fromkeys(title.aliases, ALIAS)
    return keys | ({title.main: 1.0} if title.main else {})
