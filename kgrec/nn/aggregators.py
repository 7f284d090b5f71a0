"""How an entity is joined with the mixture of its neighbours (KGCN, §3.2, eqs. 4 to 6)."""

from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Aggregator(nn.Module, ABC):
    r"""Affine in both arguments: :math:`agg(v, s) = A v + C s + b`; the activation is applied by the caller.

    As it is affine, a mixture of neighbours :math:`s = \sum_k w_k n_k` whose weights sum to 1 can be taken
    after the product: :math:`agg(v, s) = A v + b + \sum_k w_k C n_k`, with ``C n`` computed once per entity
    and not once per user.

    Args:
        embedding_dim: D.
    """

    def __init__(self, embedding_dim: int, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, embedding_dim)
        nn.init.xavier_uniform_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    @abstractmethod
    def forward(self, own: Tensor, mixed: Tensor) -> Tensor:
        """``[..., D]`` of entities ``own [..., D]`` and mixtures of their neighbours ``mixed [..., D]``."""

    @abstractmethod
    def own_part(self, table: Tensor) -> Tensor:
        """``A v + b`` of each row: ``[..., D] -> [..., D]``."""

    @abstractmethod
    def neighbour_part(self, table: Tensor) -> Tensor:
        """``C n`` of each row: ``[..., D] -> [..., D]``."""


class Sum(Aggregator):
    r""":math:`W (v + s) + b`."""

    def __init__(self, embedding_dim: int) -> None:
        super().__init__(embedding_dim, embedding_dim)

    def forward(self, own: Tensor, mixed: Tensor) -> Tensor:
        """See :class:`Aggregator`."""
        out: Tensor = self.linear(own + mixed)
        return out

    def own_part(self, table: Tensor) -> Tensor:
        """See :class:`Aggregator`."""
        out: Tensor = self.linear(table)
        return out

    def neighbour_part(self, table: Tensor) -> Tensor:
        """See :class:`Aggregator`."""
        return F.linear(table, self.linear.weight)


class Concat(Aggregator):
    r""":math:`W [v, s] + b`."""

    def __init__(self, embedding_dim: int) -> None:
        super().__init__(embedding_dim, 2 * embedding_dim)

    def forward(self, own: Tensor, mixed: Tensor) -> Tensor:
        """See :class:`Aggregator`."""
        out: Tensor = self.linear(torch.cat([own, mixed], dim=-1))
        return out

    def own_part(self, table: Tensor) -> Tensor:
        """See :class:`Aggregator`."""
        return F.linear(table, self.linear.weight[:, : table.shape[-1]], self.linear.bias)

    def neighbour_part(self, table: Tensor) -> Tensor:
        """See :class:`Aggregator`."""
        return F.linear(table, self.linear.weight[:, table.shape[-1] :])


class Neighbor(Aggregator):
    r""":math:`W s + b`: what an entity is itself is left out."""

    def __init__(self, embedding_dim: int) -> None:
        super().__init__(embedding_dim, embedding_dim)

    def forward(self, own: Tensor, mixed: Tensor) -> Tensor:
        """See :class:`Aggregator`."""
        out: Tensor = self.linear(mixed)
        return out

    def own_part(self, table: Tensor) -> Tensor:
        """See :class:`Aggregator`."""
        return self.linear.bias.expand_as(table)

    def neighbour_part(self, table: Tensor) -> Tensor:
        """See :class:`Aggregator`."""
        return F.linear(table, self.linear.weight)
