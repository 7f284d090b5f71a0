"""Titles that mean the same to a language model."""

import numpy as np
import polars as pl

from kgrec.errors import InputError
from kgrec.kg.linking.base import LinkTask, candidates
from kgrec.kg.linking.names import NameTable
from kgrec.shapes import FloatArray

_BLOCK = 256  # items compared with all names at once


class Embedding:
    """Joins items and free entities whose titles have like vectors.

    Score: cosine of the two titles' vectors under the encoder ``lm=…``, both in comparable words.

    Args:
        threshold: least score, (0, 1].
        max_year_gap: years that the two may be apart, 0 or more.
        needs_year: leave out pairs in which a year is unknown.

    Raises:
        ValueError: a setting outside its range.
    """

    name = "embedding"
    is_certain = False

    def __init__(self, threshold: float, max_year_gap: int, needs_year: bool) -> None:
        if not 0 < threshold <= 1:
            raise ValueError(f"threshold is {threshold}, expected a share in (0, 1]")
        if max_year_gap < 0:
            raise ValueError(f"max_year_gap is {max_year_gap}, expected 0 or more")
        self.threshold = threshold
        self.max_year_gap = max_year_gap
        self.needs_year = needs_year

    def __call__(self, task: LinkTask) -> pl.DataFrame:
        """See :class:`kgrec.kg.linking.base.LinkMethod`.

        Raises:
            InputError: there is no language model.
        """
        if task.encode is None:
            raise InputError("linking by embedding needs a language model: choose one, such as lm=minilm_l6")
        items = NameTable.of(task.items.names, "item", "title")
        names = NameTable.of(task.free_names, "entity", "name")
        if not len(items) or not len(names):
            return candidates([])
        left, right = _unit_rows(task.encode(items.words)), _unit_rows(task.encode(names.words))
        near = items.same_time(names, self.max_year_gap, self.needs_year)
        rows = []
        for start in range(0, len(items), _BLOCK):
            cosines = left[start : start + _BLOCK] @ right.T
            for row, column in np.argwhere((cosines >= self.threshold) & near[start : start + _BLOCK]):
                score = min(float(cosines[row, column]), 1.0)  # rounding may lead above 1
                rows.append((items.ids[start + row], names.ids[column], score))
        return candidates(rows)


def _unit_rows(vectors: FloatArray) -> FloatArray:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(lengths > 0, lengths, 1.0)
