"""Two orders of one list made into one."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kgrec.errors import InputError
from kgrec.models.selection import check_values


@dataclass(frozen=True)
class RankBlend:
    r"""The share of the second stage: :math:`(1 - w)\, z(a) + w\, z(b)`, z the scores of a list standardised.

    Attributes:
        weight: shares w in [0, 1] to choose from on validation, lowest first among equals; 0 = the first
            stage alone, 1 = the second alone decides the order of the list. One value is not chosen.
        num_users: validation users whose lists decide, ≥ 1.
        selection_k: cutoff of the NDCG that decides, ≥ 1.

    Raises:
        InputError: a setting out of range.
    """

    weight: Sequence[float]
    num_users: int
    selection_k: int

    def __post_init__(self) -> None:
        check_values("blend.weight", self.weight, lowest=0, or_equal=True)
        if max(self.weight) > 1:
            raise InputError(f"model.blend.weight: found {list(self.weight)}, expected shares in [0, 1]")
        for name in ("num_users", "selection_k"):
            if getattr(self, name) < 1:
                raise InputError(f"model.blend.{name}: found {getattr(self, name)}, expected at least 1")

    def best(self, first: Tensor, second: Tensor, relevant: Tensor) -> float:
        """The share whose lists have the best mean NDCG of ``relevant [B, k]``; see :func:`reordered`."""
        found = {
            weight: float(_ndcg(reordered(first, second, weight), relevant, self.selection_k).mean())
            for weight in sorted(self.weight)
        }
        return max(found, key=lambda weight: found[weight])


def reordered(first: Tensor, second: Tensor, weight: float) -> Tensor:
    """The scores ``first`` of each list, dealt out anew in the blended order.

    So a list keeps its place among the items that are not on it.

    Args:
        first: ``[B, k]``, best first; -inf = no item, which stays at the end.
        second: ``[B, k]`` scores of the same items.
        weight: share of the second.
    """
    present = first > -torch.inf
    blended = (1 - weight) * _standardised(first, present) + weight * _standardised(second, present)
    order = blended.masked_fill(~present, -torch.inf).argsort(dim=1, descending=True, stable=True)
    return torch.empty_like(first).scatter(1, order, first)


def _standardised(scores: Tensor, present: Tensor) -> Tensor:
    kept = scores.masked_fill(~present, 0.0)
    count = present.sum(dim=1, keepdim=True).clamp(min=1)
    away = (kept - kept.sum(dim=1, keepdim=True) / count).masked_fill(~present, 0.0)
    return away / (away.square().sum(dim=1, keepdim=True) / count).sqrt().clamp(min=1e-12)


def _ndcg(scores: Tensor, relevant: Tensor, k: int) -> Tensor:
    """``[B]`` NDCG@k of lists, the ideal being the best order of the same list; 0 where none is relevant."""
    gains = relevant.gather(1, scores.argsort(dim=1, descending=True, stable=True))[:, :k].float()
    discount = torch.arange(2, gains.shape[1] + 2, device=gains.device).float().log2()
    ideal = relevant.float().sort(dim=1, descending=True).values[:, :k] / discount
    return (gains / discount).sum(dim=1) / ideal.sum(dim=1).clamp(min=1e-12)
