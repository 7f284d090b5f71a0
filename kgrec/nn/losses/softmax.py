"""Softmax over all items, or over sampled ones."""

from abc import ABC

import torch
import torch.nn.functional as F
from torch import Tensor

from kgrec.errors import InputError
from kgrec.nn.log_partition import log_partition
from kgrec.nn.losses.base import RankingLoss, SampledLoss, per_pair, weighted_mean


class Softmax(RankingLoss, ABC):
    """What softmax losses without sampled negatives share.

    Args:
        temperature: τ > 0; scores are divided by it.
        normalize: True = cosine scores, False = inner products.

    Raises:
        InputError: ``temperature`` ≤ 0.
    """

    def __init__(self, *, temperature: float, normalize: bool) -> None:
        super().__init__()
        self.temperature = check_temperature(temperature)
        self.normalize = normalize


class FullSoftmax(Softmax):
    r"""Cross entropy of the observed item among all candidate items.

    .. math::
        -\frac{s_{u,i}}{\tau} + \ln \sum_{j \in C \cup \{i\}} e^{s_{u,j} / \tau}

    with C the items of ``candidate_mask``. The user's other positives stay in the sum.
    Memory: no matrix of scores but where they are few, see :mod:`kgrec.nn.log_partition`.

    Args:
        temperature: τ > 0; scores are divided by it.
        normalize: True = cosine scores, False = inner products.

    Raises:
        InputError: ``temperature`` ≤ 0.
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
        """See :meth:`RankingLoss.forward`; ``negatives`` are not read."""
        users, items = self.ranking_space(users) / self.temperature, self.ranking_space(items)
        positive_scores = (per_pair(users, rows) * F.embedding(positives, items)).sum(dim=1)
        # Excluded items are left out of the product: masking them would cost as much as keeping them.
        candidates = items if candidate_mask is None else items[candidate_mask]
        log_total = per_pair(log_partition(users, candidates), rows)
        if candidate_mask is not None:
            with_positive = torch.logaddexp(log_total, positive_scores)
            log_total = torch.where(candidate_mask[positives], log_total, with_positive)
        return weighted_mean(log_total - positive_scores, weights)


class SampledSoftmax(SampledLoss):
    r"""Cross entropy of the observed item among itself and n sampled ones.

    .. math::
        -\frac{s_{u,i}}{\tau} + \ln \Big( e^{s_{u,i} / \tau} + \sum_{j=1}^{n} e^{s_{u,j} / \tau} \Big)

    Relation to :class:`FullSoftmax`: equal when the negatives are all other items. Negatives drawn
    uniformly need no correction for popularity (their log-probability is one constant, and it is left
    out); negatives drawn otherwise would.

    Args:
        temperature: τ > 0; scores are divided by it.
        normalize: True = cosine scores, False = inner products.
        num_negatives: n ≥ 1.

    Raises:
        InputError: a setting outside its range.
    """

    def __init__(self, *, temperature: float, normalize: bool, num_negatives: int) -> None:
        super().__init__(num_negatives=num_negatives)
        self.temperature = check_temperature(temperature)
        self.normalize = normalize

    def of_scores(
        self,
        positive: Tensor,
        negative: Tensor,
        weights: Tensor | None = None,
        kept: Tensor | None = None,
    ) -> Tensor:
        """See :meth:`SampledLoss.of_scores`."""
        if kept is not None:
            negative = negative.masked_fill(~kept, -torch.inf)
        scores = torch.cat([positive.unsqueeze(1), negative], dim=1) / self.temperature
        return weighted_mean(torch.logsumexp(scores, dim=1) - scores[:, 0], weights)


def check_temperature(temperature: float) -> float:
    """``temperature``, where it is > 0, else InputError."""
    if not temperature > 0:
        raise InputError(f"loss.temperature is {temperature}; expected > 0")
    return temperature
