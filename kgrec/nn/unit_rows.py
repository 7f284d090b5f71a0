"""Rows of length 1, some of their numbers left out."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

BLOCK = 2048
"""Rows that go through several elementwise steps before the next ones do: they stay in a core's cache."""


def unit_rows_(x: Tensor, dropped: Tensor | None = None) -> Tensor:
    """Set numbers of ``x [n, D]`` to 0 and scale its rows to length 1, in place.

    As ``F.normalize(F.dropout(x))``, in fewer passes over memory: a dropout's scale is lost in the
    normalisation. A row of zeros stays zero and passes no gradient, where ``F.normalize`` passes a huge one.

    Args:
        x: ``[n, D]``, contiguous, and not needed any more.
        dropped: positions in the flattened ``x``; ``None`` = none.
    """
    out: Tensor = _UnitRows.apply(x, dropped)
    return out


class _UnitRows(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, dropped: Tensor | None) -> Tensor:
        _set_to_zero(x, dropped)
        scale = torch.linalg.vector_norm(x, dim=1, keepdim=True).reciprocal_()
        scale.masked_fill_(scale.isinf(), 0.0)
        x.mul_(scale)
        ctx.mark_dirty(x)
        ctx.save_for_backward(x, scale, dropped)
        return x

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        y, scale, dropped = ctx.saved_tensors
        out = torch.empty_like(y)
        for rows in zip(*(part.split(BLOCK) for part in (grad, y, scale, out)), strict=True):
            _set_gradient(*rows)
        _set_to_zero(out, dropped)
        return out, None


def _set_gradient(grad: Tensor, y: Tensor, scale: Tensor, out: Tensor) -> None:
    torch.mul(grad, y, out=out)
    along = out.sum(dim=1, keepdim=True)
    torch.addcmul(grad, y, along, value=-1, out=out)
    out.mul_(scale)


def _set_to_zero(x: Tensor, positions: Tensor | None) -> None:
    if positions is not None:
        x.view(-1).index_fill_(0, positions, 0.0)
