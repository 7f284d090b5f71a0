"""Recall@k: which share of the relevant items is found."""

from collections.abc import Sequence

from torch import Tensor

from kgrec.evaluation.metrics.base import at_cutoffs, hits_up_to
from kgrec.evaluation.ranking import Ranking


class Recall:
    """``recall@k = hits in the top k / |relevant|``.

    The denominator is the number of relevant items, as in KGAT, KGIN and PyG; LensKit divides by
    ``min(|relevant|, k)`` and gives other numbers under the same name. A user without relevant items
    gets 0 (the evaluator leaves such users out). Relevant items 3 and 7, list 7 1 3: recall@1 = 1/2,
    recall@3 = 1.
    """

    name = "recall"
    higher_is_better = True

    def __call__(self, ranking: Ranking, ks: Sequence[int]) -> Tensor:
        """Values ``[U, len(ks)]`` in ``[0, 1]``."""
        return at_cutoffs(hits_up_to(ranking), ks) / ranking.num_relevant.clamp(min=1)[:, None]
