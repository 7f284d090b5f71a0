"""Accuracy: the share of rows on the right side."""

from kgrec.evaluation.click_metrics.base import group_means
from kgrec.shapes import FloatArray, IntArray


class Accuracy:
    """Right rows / rows, at a probability of 0.5: log-odds ≥ 0 count as "observed"; denominator: all rows.

    Labels 1 1 0, log-odds 1 -1 2: 1/3.
    """

    name = "accuracy"
    higher_is_better = True

    def __call__(self, labels: FloatArray, logits: FloatArray, groups: IntArray) -> FloatArray:
        """Values ``[G]`` in ``[0, 1]``."""
        return group_means(((logits >= 0) == (labels > 0)).astype(float), groups)
