"""F1: precision and recall of the pairs that are held for observed."""

from kgrec.evaluation.click_metrics.base import group_sums, ratio
from kgrec.shapes import FloatArray, IntArray


class F1:
    """``2 TP / (2 TP + FP + FN)`` at a probability of 0.5: log-odds ≥ 0 count as "observed".

    A group without any positive, true or predicted, has no value (NaN): its denominator is 0. Labels 1 1 0,
    log-odds 1 -1 2: TP 1, FP 1, FN 1, F1 = 1/2.
    """

    name = "f1"
    higher_is_better = True

    def __call__(self, labels: FloatArray, logits: FloatArray, groups: IntArray) -> FloatArray:
        """Values ``[G]`` in ``[0, 1]``."""
        predicted = (logits >= 0).astype(float)
        hits = group_sums(predicted * labels, groups)
        return ratio(2 * hits, group_sums(predicted, groups) + group_sums(labels, groups))
