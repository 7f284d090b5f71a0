"""Hit@k: whether anything relevant is found."""

from collections.abc import Sequence

from torch import Tensor

from kgrec.evaluation.metrics.base import at_cutoffs, hits_up_to
from kgrec.evaluation.ranking import Ranking


class Hit:
    """``hit@k = 1`` if at least one of the top k is relevant, else 0; also called hit rate, success.

    There is no denominator. A user without relevant items gets 0 (the evaluator leaves such users out).
    Relevant item 3, list 7 1 3: hit@2 = 0, hit@3 = 1.
    """

    name = "hit"
    higher_is_better = True

    def __call__(self, ranking: Ranking, ks: Sequence[int]) -> Tensor:
        """Values ``[U, len(ks)]``, 0 or 1."""
        return at_cutoffs(hits_up_to(ranking) > 0, ks)
