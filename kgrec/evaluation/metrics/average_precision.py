"""MAP@k: precision averaged over the places of the hits."""

from collections.abc import Sequence

from torch import Tensor

from kgrec.evaluation.metrics.base import at_cutoffs, hits_up_to, ranks
from kgrec.evaluation.ranking import Ranking


class AveragePrecision:
    """``map@k = Σ_{r ≤ k, item at r relevant} precision@r / |relevant|``; its mean over users is MAP.

    The denominator is the number of relevant items, as in trec_eval (``map_cut``); some libraries divide
    by ``min(|relevant|, k)`` instead. A user without relevant items gets 0 (the evaluator leaves such
    users out). Relevant items 3 and 7, list 7 1 3: map@1 = 1/2, map@3 = (1 + 2/3) / 2 = 5/6.
    """

    name = "map"
    higher_is_better = True

    def __call__(self, ranking: Ranking, ks: Sequence[int]) -> Tensor:
        """Values ``[U, len(ks)]`` in ``[0, 1]``."""
        precision_at_hits = ranking.hits * hits_up_to(ranking) / ranks(ranking)
        return at_cutoffs(precision_at_hits.cumsum(dim=1), ks) / ranking.num_relevant.clamp(min=1)[:, None]
