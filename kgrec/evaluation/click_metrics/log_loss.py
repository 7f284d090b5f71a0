"""Log loss: the mean cross entropy of the labels."""

import numpy as np

from kgrec.evaluation.click_metrics.base import group_means
from kgrec.shapes import FloatArray, IntArray


class LogLoss:
    r"""Mean of :math:`-\ln p(y)` in nats; denominator: all rows. Log-odds of 0 throughout give ln 2.

    Computed from log-odds, so nothing has to be clipped.
    """

    name = "log_loss"
    higher_is_better = False

    def __call__(self, labels: FloatArray, logits: FloatArray, groups: IntArray) -> FloatArray:
        """Values ``[G]`` ≥ 0."""
        return group_means(np.logaddexp(0.0, np.where(labels > 0, -logits, logits)), groups)
