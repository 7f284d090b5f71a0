"""The NDCG of KGAT's published code, for reproductions of papers that report it."""

from collections.abc import Sequence

from torch import Tensor

from kgrec.evaluation.metrics.ndcg import normalised_dcg
from kgrec.evaluation.ranking import Ranking


class NDCGKGAT:
    """DCG@k over the DCG of the *retrieved* hits moved to the front: not NDCG, for reproductions only.

    KGAT (https://github.com/xiangwang1223/knowledge_graph_attention_network, ``Model/utility/metrics.py``
    at 31018d2, ``ndcg_at_k``) sorts the hit list of length K = max(ks) and cuts it at k. The denominator
    thus counts ``min(hits in the top K, k)`` ideal hits instead of ``min(|relevant|, k)``: relevant items
    that were missed cost nothing, and the value at k depends on the largest cut-off evaluated. No hit, or
    no relevant item: 0. It is never below ``ndcg@k``. Relevant items 3, 7, 8 and 9, list 7 1 3:
    ndcg_kgat@3 = (1 + 1/2) / (1 + 1/log2 3) = 0.920 where ndcg@3 = (1 + 1/2) / (1 + 1/log2 3 + 1/2)
    = 0.704.
    """

    name = "ndcg_kgat"
    higher_is_better = True

    def __call__(self, ranking: Ranking, ks: Sequence[int]) -> Tensor:
        """Values ``[U, len(ks)]`` in ``[0, 1]``; K is the length of the ranked lists."""
        return normalised_dcg(ranking, ranking.hits.sum(dim=1), ks)
