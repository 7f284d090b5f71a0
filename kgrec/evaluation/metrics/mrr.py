"""MRR@k: how early the first relevant item comes."""

from collections.abc import Sequence

from torch import Tensor

from kgrec.evaluation.metrics.base import at_cutoffs, ranks
from kgrec.evaluation.ranking import Ranking


class MRR:
    """``mrr@k = 1 / rank of the first hit``, and 0 where the top k hold no hit.

    The denominator is the rank, counted from 1. A user without relevant items gets 0 (the evaluator
    leaves such users out). Relevant items 1 and 3, list 7 1 3: mrr@1 = 0, mrr@2 = mrr@3 = 1/2.
    """

    name = "mrr"
    higher_is_better = True

    def __call__(self, ranking: Ranking, ks: Sequence[int]) -> Tensor:
        """Values ``[U, len(ks)]`` in ``[0, 1]``."""
        # 1 / rank falls with the rank, so the running maximum stays at the first hit.
        return at_cutoffs((ranking.hits / ranks(ranking)).cummax(dim=1).values, ks)
