"""Losses of recommenders, with one call so that a config can swap them.

Every :class:`RankingLoss` is called as ``loss(users, items, positives, negatives, weights,
candidate_mask, rows)`` and scores by inner products in its ``ranking_space``. :class:`InfoNCE` stands apart.
"""

from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kgrec.errors import InputError


class RankingLoss(nn.Module, ABC):
    """Ranks each user's positive item above others.

    Attributes:
        num_negatives: sampled negatives wanted per pair; 0 = none are read.
    """

    num_negatives: int = 0

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

        A model ranks with these, or it would rank by something other than what was trained.
        """
        return embeddings


class BPR(RankingLoss):
    r"""Bayesian personalised ranking: a random unobserved item should score below the observed one.

    From `BPR: Bayesian Personalized Ranking from Implicit Feedback <https://arxiv.org/abs/1205.2618>`_
    (Rendle et al., UAI 2009, §4.1): :math:`-\ln \sigma(s_{u,i} - s_{u,j})`, mean over pairs and their
    negatives. The regulariser is the optimiser's weight decay.

    Args:
        num_negatives: n ≥ 1.

    Raises:
        InputError: ``num_negatives`` < 1.
    """

    def __init__(self, *, num_negatives: int) -> None:
        super().__init__()
        self.num_negatives = _check_num_negatives(num_negatives)

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
        positive_scores, negative_scores = _sampled_scores(
            _per_pair(users, rows), items, positives, negatives
        )
        losses = F.softplus(negative_scores - positive_scores.unsqueeze(1))
        pair_weights = torch.ones_like(losses) if weights is None else weights.unsqueeze(1).expand_as(losses)
        if candidate_mask is not None:
            pair_weights = pair_weights * candidate_mask[negatives]
        return _weighted_mean(losses, pair_weights)


class _Softmax(RankingLoss):
    """What both softmax losses share: temperature and cosine.

    Args:
        temperature: τ > 0; scores are divided by it.
        normalize: True = cosine scores, False = inner products.

    Raises:
        InputError: ``temperature`` ≤ 0.
    """

    def __init__(self, *, temperature: float, normalize: bool) -> None:
        super().__init__()
        self.temperature = _check_temperature(temperature)
        self.normalize = normalize

    def ranking_space(self, embeddings: Tensor) -> Tensor:
        """Rows of length 1 for cosine scores (a row of zeros stays zero), else as they are."""
        return F.normalize(embeddings, dim=1) if self.normalize else embeddings


class FullSoftmax(_Softmax):
    r"""Cross entropy of the observed item among all candidate items.

    .. math::
        -\frac{s_{u,i}}{\tau} + \ln \sum_{j \in C \cup \{i\}} e^{s_{u,j} / \tau}

    with C the items of ``candidate_mask``. The user's other positives stay in the sum.
    Memory: one ``[B, |C|]`` matrix of scores and its gradient (``[M, |C|]`` with ``rows``).

    Args:
        temperature: τ > 0.
        normalize: True = cosine scores.
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
        positive_scores = (_per_pair(users, rows) * F.embedding(positives, items)).sum(dim=1)
        # Excluded items are left out of the product: masking them would cost as much as keeping them.
        candidates = items if candidate_mask is None else items[candidate_mask]
        log_total = _per_pair(torch.logsumexp(users @ candidates.T, dim=1), rows)
        if candidate_mask is not None:
            with_positive = torch.logaddexp(log_total, positive_scores)
            log_total = torch.where(candidate_mask[positives], log_total, with_positive)
        return _weighted_mean(log_total - positive_scores, weights)


class SampledSoftmax(_Softmax):
    r"""Cross entropy of the observed item among itself and n sampled ones.

    .. math::
        -\frac{s_{u,i}}{\tau} + \ln \Big( e^{s_{u,i} / \tau} + \sum_{j=1}^{n} e^{s_{u,j} / \tau} \Big)

    Relation to :class:`FullSoftmax`: equal when the negatives are all other items. Negatives drawn
    uniformly need no correction for popularity (their log-probability is one constant, and it is left
    out); negatives drawn otherwise would.

    Args:
        temperature: τ > 0.
        normalize: True = cosine scores.
        num_negatives: n ≥ 1.

    Raises:
        InputError: a setting outside its range.
    """

    def __init__(self, *, temperature: float, normalize: bool, num_negatives: int) -> None:
        super().__init__(temperature=temperature, normalize=normalize)
        self.num_negatives = _check_num_negatives(num_negatives)

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
        users = self.ranking_space(_per_pair(users, rows)) / self.temperature
        items = self.ranking_space(items)
        positive_scores, negative_scores = _sampled_scores(users, items, positives, negatives)
        if candidate_mask is not None:
            negative_scores = negative_scores.masked_fill(~candidate_mask[negatives], -torch.inf)
        scores = torch.cat([positive_scores.unsqueeze(1), negative_scores], dim=1)
        return _weighted_mean(torch.logsumexp(scores, dim=1) - positive_scores, weights)


class InfoNCE(nn.Module):
    r"""Aligns two views of the same things: row k of one should find row k of the other.

    Cosine scores, cross entropy in both directions, averaged (`Representation Learning with Contrastive
    Predictive Coding <https://arxiv.org/abs/1807.03748>`_, van den Oord et al., 2018, §2.3, eq. 4;
    symmetric as in `CLIP <https://arxiv.org/abs/2103.00020>`_, Radford et al., 2021, §2.3):

    .. math::
        -\frac{1}{2N} \sum_k \ln \frac{e^{\cos(a_k, b_k)/\tau}}{\sum_j e^{\cos(a_k, b_j)/\tau}}
                           + \ln \frac{e^{\cos(a_k, b_k)/\tau}}{\sum_j e^{\cos(a_j, b_k)/\tau}}

    Args:
        temperature: τ > 0, else InputError.
    """

    def __init__(self, *, temperature: float) -> None:
        super().__init__()
        self.temperature = _check_temperature(temperature)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Mean loss, shape ``[]``, of two views ``[N, D]``; memory N × N; ValueError on other shapes."""
        if first.shape != second.shape or first.dim() != 2:
            raise ValueError(f"views {tuple(first.shape)} and {tuple(second.shape)}, expected both [N, D]")
        scores = F.normalize(first, dim=1) @ F.normalize(second, dim=1).T / self.temperature
        own = torch.arange(len(scores), device=scores.device)
        return (F.cross_entropy(scores, own) + F.cross_entropy(scores.T, own)) / 2


def embedding_l2(*embeddings: Tensor) -> Tensor:
    r"""The penalty :math:`\frac{1}{2B} \sum_k \lVert e_k \rVert^2` of a batch's own embeddings, shape ``[]``.

    The regulariser of BPR's descendants (KGAT, KGIN, LightKG …): unlike weight decay it touches only the rows
    that a step has read.

    Args:
        embeddings: tensors ``[B, ..., D]`` of one first size B, whose penalties are added up.
    """
    return torch.stack([rows.square().sum() / (2 * len(rows)) for rows in embeddings]).sum()


def _per_pair(values: Tensor, rows: Tensor | None) -> Tensor:
    """Rows of distinct users ``[M, ...]`` → of pairs ``[B, ...]``."""
    return values if rows is None else F.embedding(rows, values) if values.dim() == 2 else values[rows]


def _sampled_scores(
    users: Tensor, items: Tensor, positives: Tensor, negatives: Tensor
) -> tuple[Tensor, Tensor]:
    """Inner products with the positives ``[B]`` and the negatives ``[B, n]``."""
    if negatives.dim() != 2 or negatives.shape[0] != len(users) or negatives.shape[1] == 0:
        raise ValueError(f"negatives are {tuple(negatives.shape)}, expected [{len(users)}, n ≥ 1]")
    positive_scores = (users * F.embedding(positives, items)).sum(dim=1)
    negative_scores = torch.bmm(F.embedding(negatives, items), users.unsqueeze(2)).squeeze(2)
    return positive_scores, negative_scores


def _weighted_mean(losses: Tensor, weights: Tensor | None) -> Tensor:
    """Σ w ℓ / Σ w, and 0 where all weights are 0."""
    if weights is None:
        return losses.mean()
    total = weights.sum()
    return (losses * weights).sum() / torch.where(total > 0, total, 1.0)


def _check_temperature(temperature: float) -> float:
    if not temperature > 0:
        raise InputError(f"loss.temperature is {temperature}; expected > 0")
    return temperature


def _check_num_negatives(num_negatives: int) -> int:
    if num_negatives < 1:
        raise InputError(f"loss.num_negatives is {num_negatives}; expected ≥ 1")
    return num_negatives
