"""A user's vector from the vectors of the items in the history, with or without the item to be found."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kgrec.shapes import Pairs


class History(nn.Module):
    r"""The mean over the history; subclasses weigh its items, or draw one.

    .. math:: v_u = \frac{\sum_{j \in H_u} w_j e_j}{\sum_{j \in H_u} w_j}

    In a training pair (u, i), the sums leave i out: it is what is to be found.

    Args:
        pairs: ``[n, 2]`` training interactions.
        num_users: U.
        dim: D.
    """

    start: Tensor
    items: Tensor

    def __init__(self, pairs: Pairs, num_users: int, dim: int) -> None:
        super().__init__()
        ordered = torch.from_numpy(pairs).unique(dim=0)  # by user, each item once
        counts = torch.bincount(ordered[:, 0], minlength=num_users)
        self.register_buffer("start", F.pad(counts.cumsum(0), (1, 0)), persistent=False)
        self.register_buffer("items", ordered[:, 1].contiguous(), persistent=False)

    def weights(self, table: Tensor) -> Tensor:
        """``[I]`` > 0, the weight of each item in a history that holds it."""
        return torch.ones(len(table), device=table.device)

    def forward(self, table: Tensor, users: Tensor) -> Tensor:
        """``[B, D]`` of whole histories, zeros where there is none.

        Args:
            table: ``[I, D]`` item vectors.
            users: ``[B]``.
        """
        sums, totals = self._sums(table, self.weights(table), users)
        return sums / totals.clamp(min=1e-12).unsqueeze(1)

    def of_pairs(self, table: Tensor, users: Tensor, items: Tensor) -> tuple[Tensor, Tensor]:
        """Vectors ``[B, D]`` of the histories without the pair's own item, and ``[B]`` 1 where one is left.

        Args:
            table: ``[I, D]`` item vectors.
            users: ``[B]``.
            items: ``[B]``, in the history of its user.
        """
        distinct, rows = users.unique(return_inverse=True)
        weights = self.weights(table)
        sums, totals = self._sums(table, weights, distinct)
        own = weights[items]
        left = totals[rows] - own
        vectors = (F.embedding(rows, sums) - own.unsqueeze(1) * F.embedding(items, table)) / left.clamp(
            min=1e-12
        ).unsqueeze(1)
        others = (self._lengths(users) > 1).float()
        return vectors * others.unsqueeze(1), others

    def _lengths(self, users: Tensor) -> Tensor:
        return self.start[users + 1] - self.start[users]

    def _sums(self, table: Tensor, weights: Tensor, users: Tensor) -> tuple[Tensor, Tensor]:
        """Σ w e ``[B, D]`` and Σ w ``[B]`` over the histories of distinct users."""
        lengths = self._lengths(users)
        offsets = F.pad(lengths.cumsum(0), (1, 0))[:-1]
        place = torch.arange(int(lengths.sum()), device=users.device)
        items = self.items[place + (self.start[users] - offsets).repeat_interleave(lengths)]
        chosen = weights[items]
        sums = F.embedding_bag(items, table, offsets, mode="sum", per_sample_weights=chosen)
        owner = torch.arange(len(users), device=users.device).repeat_interleave(lengths)
        return sums, torch.zeros_like(lengths, dtype=chosen.dtype).index_add(0, owner, chosen)


class MeanHistory(History):
    """All items count alike."""


class AttentiveHistory(History):
    r"""Items weigh by a learned query, :math:`w_j = e^{a \cdot e_j}`, which begins at zero: the mean.

    Attention with one query for all users, as the pooling of `Hierarchical Attention Networks
    <https://aclanthology.org/N16-1174/>`_ (Yang et al., 2016, §2.2, eq. 6 and 7, without the hidden layer).
    The query is no part of the language model: what is saved is the encoder alone.
    """

    def __init__(self, pairs: Pairs, num_users: int, dim: int) -> None:
        super().__init__(pairs, num_users, dim)
        self.query = nn.Parameter(torch.zeros(dim))

    def weights(self, table: Tensor) -> Tensor:
        """See :meth:`History.weights`; logits beyond ±20 count as ±20, so that no sum runs over."""
        return (table @ self.query).clamp(-20, 20).exp()


class OneItemHistory(History):
    """In training one random other item of the history, so that items which share users attract each other.

    With the in-batch softmax this is contrastive learning of item pairs, the positives being drawn from
    co-consumption (as two views in `SimCSE <https://arxiv.org/abs/2104.08821>`_, Gao et al., 2021, eq. 5,
    where annotated pairs stand in their place). Whole histories are the mean, as in use.
    """

    def of_pairs(self, table: Tensor, users: Tensor, items: Tensor) -> tuple[Tensor, Tensor]:
        """See :meth:`History.of_pairs`."""
        lengths = self._lengths(users)
        draw = (torch.rand(len(users), device=users.device) * (lengths - 1)).long()
        other = self.items[self.start[users] + draw]
        # The last item stands in for the pair's own one, so that all others are equally likely.
        other = torch.where(other == items, self.items[self.start[users + 1] - 1], other)
        others = (lengths > 1).float()
        return F.embedding(other, table) * others.unsqueeze(1), others
