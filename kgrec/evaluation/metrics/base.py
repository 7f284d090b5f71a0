"""What every metric offers, and the two steps that all of them share."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from kgrec.evaluation.ranking import Ranking


@runtime_checkable
class Metric(Protocol):
    """One number per user and cut-off, from top-K lists; averaging over users happens elsewhere.

    Attributes:
        name: the key in result tables, without the cut-off.
        higher_is_better: the direction of improvement.
    """

    name: str
    higher_is_better: bool

    def __call__(self, ranking: Ranking, ks: Sequence[int]) -> Tensor:
        """Values ``[U, len(ks)]`` float64; ValueError where a cut-off lies outside ``1 … K``."""
        ...


def at_cutoffs(by_rank: Tensor, ks: Sequence[int]) -> Tensor:
    """Pick the columns of ``by_rank [U, K]`` that belong to the cut-offs: ``[U, len(ks)]`` float64.

    Raises:
        ValueError: a cut-off outside ``1 … K``, K being the length of the ranked lists.
    """
    longest = by_rank.shape[1]
    wrong = [k for k in ks if not 1 <= k <= longest]
    if wrong:
        raise ValueError(f"cut-offs {wrong} lie outside 1 … {longest}, the length of the ranked lists")
    return by_rank[:, [k - 1 for k in ks]].to(torch.float64)


def ranks(ranking: Ranking) -> Tensor:
    """The ranks ``1 … K`` as float64 ``[K]``."""
    return torch.arange(1, ranking.hits.shape[1] + 1, dtype=torch.float64)


def hits_up_to(ranking: Ranking) -> Tensor:
    """Number of hits among the first 1 … K items: ``[U, K]`` int64."""
    return ranking.hits.cumsum(dim=1)
