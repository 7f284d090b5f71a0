"""Precision@k: which share of the list is relevant."""

from collections.abc import Sequence

import torch
from torch import Tensor

from kgrec.evaluation.metrics.base import at_cutoffs, hits_up_to
from kgrec.evaluation.ranking import Ranking


class Precision:
    """``precision@k = hits in the top k / k``.

    The denominator is k even where fewer than k candidates are left. A user without relevant items gets
    0 (the evaluator leaves such users out). Relevant items 3 and 7, list 7 1 3: precision@1 = 1,
    precision@3 = 2/3.
    """

    name = "precision"
    higher_is_better = True

    def __call__(self, ranking: Ranking, ks: Sequence[int]) -> Tensor:
        """Values ``[U, len(ks)]`` in ``[0, 1]``."""
        return at_cutoffs(hits_up_to(ranking), ks) / torch.tensor(list(ks), dtype=torch.float64)
