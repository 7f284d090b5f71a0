"""What the ranking losses share: the one call by which a config can swap them."""

from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kgrec.errors import InputError

_FEW_NEGATIVES = 4
"""So many products of a matrix and a vector take longer than a product of all numbers and its sums."""


class RankingLoss(nn.Module, ABC):
    """Ranks each user's positive item above others.

    Attributes:
        num_negatives: sampled negatives wanted per pair; 0 = none are read.
        normalize: True = scores are cosines, False = inner products.
    """

    num_negatives: int = 0
    normalize: bool = False

    @abstractmethod
    def forward(
        self,
        users: Tensor,
        items: Tensor,
        positives: Tensor,
        negatives: Tensor,
        weights: Tensor | None = None,
        candidate_mask: Tensor | None = None,
        rows: Tensor | None = None,
    ) -> Tensor:
        """Mean loss of a batch of observed pairs, shape ``[]``.

        Args:
            users: ``[B, D]`` embedding of each pair's user, or ``[M, D]`` with ``rows``.
            items: ``[I, D]`` embeddings of all items.
            positives: ``[B]`` item id of each pair.
            negatives: ``[B, n]`` item ids; n = 0 where ``num_negatives`` is 0.
            weights: ``[B]`` ≥ 0, weight of each pair in the mean; ``None`` = all equal. A batch whose
                weights are all 0 has loss 0.
            candidate_mask: ``[I]`` bool; False = this item competes with no positive, e.g. because it
                plays cold in this step. A pair's own positive is always kept.
            rows: ``[B]`` row of ``users`` of each pair: what depends on the user alone, such as a sum
                over all items, is then computed once per user and not once per pair. ``None`` = row k
                is the user of pair k.
        """

    def ranking_space(self, embeddings: Tensor) -> Tensor:
        """``[n, D]``: embeddings whose inner products are the scores this loss trains.

        A model ranks with these, or it would rank by something other than what was trained. Rows of
        length 1 for cosines (a row of zeros stays zero), else as they are.
        """
        return F.normalize(embeddings, dim=1) if self.normalize else embeddings


class SampledLoss(RankingLoss):
    """A ranking loss that compares each positive with n sampled items and reads nothing but their scores.

    So it also fits a model whose item vectors depend on the user, which has no table of items to pass to
    :meth:`forward` but can score pairs (:meth:`of_scores`).

    Args:
        num_negatives: n ≥ 1.

    Raises:
        InputError: ``num_negatives`` < 1.
    """

    def __init__(self, *, num_negatives: int) -> None:
        super().__init__()
        if num_negatives < 1:
            raise InputError(f"loss.num_negatives is {num_negatives}; expected ≥ 1")
        self.num_negatives = num_negatives

    @abstractmethod
    def of_scores(
        self,
        positive: Tensor,
        negative: Tensor,
        weights: Tensor | None = None,
        kept: Tensor | None = None,
    ) -> Tensor:
        """Mean loss of a batch of scored pairs, shape ``[]``.

        Args:
            positive: ``[B]`` score of each observed pair, an inner product in the :meth:`ranking_space`.
            negative: ``[B, n]`` scores of the sampled items.
            weights: ``[B]`` ≥ 0, as in :meth:`forward`; ``None`` = all equal.
            kept: ``[B, n]`` bool; False = this negative does not compete. ``None`` = all do.
        """

    def forward(
        self,
        users: Tensor,
        items: Tensor,
        positives: Tensor,
        negatives: Tensor,
        weights: Tensor | None = None,
        candidate_mask: Tensor | None = None,
        rows: Tensor | None = None,
    ) -> Tensor:
        """See :meth:`RankingLoss.forward`; memory B × n × D."""
        users, items = self.ranking_space(per_pair(users, rows)), self.ranking_space(items)
        positive, negative = _sampled_scores(users, items, positives, negatives)
        kept = None if candidate_mask is None else candidate_mask[negatives]
        return self.of_scores(positive, negative, weights, kept)


def per_pair(values: Tensor, rows: Tensor | None) -> Tensor:
    """Rows of distinct users ``[M, ...]`` → of pairs ``[B, ...]``."""
    return values if rows is None else F.embedding(rows, values) if values.dim() == 2 else values[rows]


def _sampled_scores(
    users: Tensor, items: Tensor, positives: Tensor, negatives: Tensor
) -> tuple[Tensor, Tensor]:
    """Inner products with the positives ``[B]`` and the negatives ``[B, n]``."""
    if negatives.dim() != 2 or negatives.shape[0] != len(users) or negatives.shape[1] == 0:
        raise ValueError(f"negatives are {tuple(negatives.shape)}, expected [{len(users)}, n ≥ 1]")
    positive_scores = (users * F.embedding(positives, items)).sum(dim=1)
    rows = F.embedding(negatives, items)
    if negatives.shape[1] <= _FEW_NEGATIVES:
        return positive_scores, (users.unsqueeze(1) * rows).sum(dim=2)
    return positive_scores, torch.bmm(rows, users.unsqueeze(2)).squeeze(2)


def weighted_mean(losses: Tensor, weights: Tensor | None) -> Tensor:
    """Σ w ℓ / Σ w, and 0 where all weights are 0."""
    if weights is None:
        return losses.mean()
    total = weights.sum()
    return (losses * weights).sum() / torch.where(total > 0, total, 1.0)
