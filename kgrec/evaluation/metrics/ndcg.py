"""NDCG@k: hits count more the earlier they come."""

from collections.abc import Sequence

import torch
from torch import Tensor

from kgrec.evaluation.metrics.base import at_cutoffs, ranks
from kgrec.evaluation.ranking import Ranking


class NDCG:
    """``ndcg@k = DCG@k / IDCG@k`` with binary gains.

    ``DCG@k = Σ_{r ≤ k, item at r relevant} 1 / log2(r + 1)`` (Järvelin & Kekäläinen 2002,
    https://doi.org/10.1145/582415.582418). The denominator is the DCG of a list that opens with
    ``min(|relevant|, k)`` hits. A user without relevant items gets 0 (the evaluator leaves such users
    out). Relevant items 3 and 7, list 1 7 3: ndcg@1 = 0, ndcg@3 = (1/log2 3 + 1/2) / (1 + 1/log2 3)
    = 0.693.
    """

    name = "ndcg"
    higher_is_better = True

    def __call__(self, ranking: Ranking, ks: Sequence[int]) -> Tensor:
        """Values ``[U, len(ks)]`` in ``[0, 1]``."""
        return normalised_dcg(ranking, ranking.num_relevant, ks)


def normalised_dcg(ranking: Ranking, num_ideal: Tensor, ks: Sequence[int]) -> Tensor:
    """DCG over that of a list opening with ``min(num_ideal, k)`` hits; 0 where ``num_ideal [U]`` is 0."""
    discounts = 1.0 / torch.log2(ranks(ranking) + 1)
    dcg = at_cutoffs((ranking.hits * discounts).cumsum(dim=1), ks)
    ideal_by_count = discounts.cumsum(dim=0)
    ideal_count = torch.minimum(num_ideal[:, None], torch.tensor(list(ks))[None, :])
    return dcg / ideal_by_count[ideal_count.clamp(min=1) - 1]
