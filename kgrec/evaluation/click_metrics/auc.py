"""AUC: how often an observed pair scores above one that is not."""

import numpy as np

from kgrec.evaluation.click_metrics.base import group_sums, ratio
from kgrec.shapes import FloatArray, IntArray


class AUC:
    r"""Area under the ROC curve, by ranks: :math:`P(z_+ > z_-) + \frac{1}{2} P(z_+ = z_-)`.

    Denominator: positives × negatives of the group; a group without one of the two kinds has no value (NaN).
    Labels 1 0 1 0 with log-odds 4 3 2 2: 4 > 3 and 4 > 2 count 1, 2 > 3
    counts 0, 2 = 2 counts 1/2: AUC = 2.5 / 4.
    """

    name = "auc"
    higher_is_better = True

    def __call__(self, labels: FloatArray, logits: FloatArray, groups: IntArray) -> FloatArray:
        """Values ``[G]`` in ``[0, 1]``."""
        ranks = _ranks(logits, groups)
        positives = group_sums(labels, groups)
        negatives = np.bincount(groups) - positives
        above = group_sums(ranks * labels, groups) - positives * (positives + 1) / 2
        return ratio(above, positives * negatives)


def _ranks(logits: FloatArray, groups: IntArray) -> FloatArray:
    """``[n]`` rank of each row in its group, from 1 for the lowest; equal log-odds share their mean rank."""
    order = np.lexsort((logits, groups))
    group, logit = groups[order], logits[order]
    starts = np.flatnonzero(np.r_[True, (np.diff(group) != 0) | (np.diff(logit) != 0)])
    lengths = np.diff(np.r_[starts, len(order)])
    sizes = np.bincount(groups)
    before = (np.cumsum(sizes) - sizes)[group[starts]]
    ranks = np.empty(len(order))
    ranks[order] = np.repeat(starts - before + (lengths + 1) / 2, lengths)
    return ranks
