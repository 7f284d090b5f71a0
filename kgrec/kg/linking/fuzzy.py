"""Titles that are nearly the same, by rapidfuzz: misspelt, damaged, words in another order."""

import numpy as np
import polars as pl

from kgrec.errors import InputError
from kgrec.kg.linking.base import LinkTask, candidates
from kgrec.kg.linking.names import NameTable
from kgrec.shapes import BoolArray

_BLOCK = 256  # items compared with all names at once


class Fuzzy:
    """Joins items and free entities whose titles are alike.

    Score: the larger of the normalised indel similarity of the two titles and of their words in
    alphabetical order (``rapidfuzz.fuzz.ratio`` and ``token_sort_ratio``, over 100).

    Args:
        threshold: least score, (0, 1].
        max_year_gap: years that the two may be apart, 0 or more.
        needs_year: leave out pairs in which a year is unknown.
        min_length: letters that an item's title must have: short titles are alike by chance.

    Raises:
        ValueError: a setting outside its range.
    """

    name = "fuzzy"
    is_certain = False

    def __init__(self, threshold: float, max_year_gap: int, needs_year: bool, min_length: int) -> None:
        if not 0 < threshold <= 1:
            raise ValueError(f"threshold is {threshold}, expected a share in (0, 1]")
        if max_year_gap < 0:
            raise ValueError(f"max_year_gap is {max_year_gap}, expected 0 or more")
        self.threshold = threshold
        self.max_year_gap = max_year_gap
        self.needs_year = needs_year
        self.min_length = min_length

    def __call__(self, task: LinkTask) -> pl.DataFrame:
        """See :class:`kgrec.kg.linking.base.LinkMethod`.

        Raises:
            InputError: rapidfuzz is not installed.
        """
        try:
            from rapidfuzz import fuzz, process
        except ModuleNotFoundError as error:
            raise InputError("linking by fuzzy needs rapidfuzz: pip install rapidfuzz") from error
        items = NameTable.of(task.items.names, "item", "title")
        items = items.where(np.array([len(words) >= self.min_length for words in items.words], dtype=bool))
        names = NameTable.of(task.free_names, "entity", "name")
        if not len(items) or not len(names):
            return candidates([])
        rows = []
        for start in range(0, len(items), _BLOCK):
            block = items.where(np.isin(np.arange(len(items)), np.arange(start, start + _BLOCK)))
            near = block.same_time(names, self.max_year_gap, self.needs_year)
            scores = np.maximum(
                *(
                    process.cdist(block.words, names.words, scorer=scorer, dtype=np.float32)
                    for scorer in (fuzz.ratio, fuzz.token_sort_ratio)
                )
            )
            rows += _pairs(block, names, scores / 100, near & (scores >= 100 * self.threshold))
        return candidates(rows)


def _pairs(
    items: NameTable, names: NameTable, scores: np.ndarray, keep: BoolArray
) -> list[tuple[str, str, float]]:
    return [
        (items.ids[row], names.ids[column], float(scores[row, column])) for row, column in np.argwhere(keep)
    ]
