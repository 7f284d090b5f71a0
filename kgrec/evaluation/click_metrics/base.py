"""What every metric of labelled rows offers, and the sums that they share."""

from typing import Protocol, runtime_checkable

import numpy as np

from kgrec.shapes import FloatArray, IntArray


@runtime_checkable
class ClickMetric(Protocol):
    """One number per group of labelled rows: all of them, those of a user, or those of a mini-batch.

    Attributes:
        name: the key in result tables.
        higher_is_better: the direction of improvement.
    """

    name: str
    higher_is_better: bool

    def __call__(self, labels: FloatArray, logits: FloatArray, groups: IntArray) -> FloatArray:
        """Values ``[G]``, NaN where the group's rows do not define one.

        Args:
            labels: ``[n]`` 1 = observed, 0 = not.
            logits: ``[n]`` log-odds of 1, finite.
            groups: ``[n]`` group of each row, ``0 … G-1``, none empty.
        """
        ...


def group_sums(values: FloatArray, groups: IntArray) -> FloatArray:
    """``[G]`` sums of ``values [n]``."""
    return np.bincount(groups, weights=values).astype(np.float64)


def group_means(values: FloatArray, groups: IntArray) -> FloatArray:
    """``[G]`` means of ``values [n]``."""
    return group_sums(values, groups) / np.bincount(groups)


def ratio(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    """``[G]``, NaN where the denominator is 0."""
    undefined = denominator == 0
    return np.where(undefined, np.nan, numerator / np.where(undefined, 1.0, denominator))
