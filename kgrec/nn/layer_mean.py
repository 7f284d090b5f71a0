"""The mean over layers of a linear propagation, with nothing kept between forward and backward."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from kgrec.nn.csr import SparseMatrix


def layer_mean(matrix: SparseMatrix, x: Tensor, num_layers: int) -> Tensor:
    r"""``[N, D]``: :math:`\frac{1}{L+1} \sum_{l=0}^{L} M^l x`, with gradients in ``x`` and in M's values.

    Where the values need no gradient it is computed as :math:`(x + M (x + M (x + \dots))) / (L+1)`, backward
    with :math:`M^T`: each layer is one product added to a tensor, no layer is kept, and half the time of the
    sum as written goes away. Both forms are equal up to rounding.

    Args:
        matrix: ``[N, N]``.
        x: ``[N, D]``.
        num_layers: L ≥ 1.
    """
    if matrix.values.requires_grad or x.dtype != matrix.values.dtype or x.dtype.itemsize < 4:
        total = x
        for _ in range(num_layers):
            x = matrix @ x
            total = total + x
        return total / (num_layers + 1)
    with torch.autocast(x.device.type, enabled=False):
        mean: Tensor = _LayerMean.apply(x, matrix, num_layers)
    return mean


class _LayerMean(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, matrix: SparseMatrix, num_layers: int) -> Tensor:
        ctx.matrix, ctx.num_layers = matrix, num_layers
        return _horner(matrix.by_row, x.contiguous(), num_layers).div_(num_layers + 1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        scaled = grad.contiguous() / (ctx.num_layers + 1)
        return _horner(ctx.matrix.by_column, scaled, ctx.num_layers), None, None


def _horner(matrix: Tensor, x: Tensor, num_layers: int) -> Tensor:
    """A new tensor x + M (x + M (…)) of ``num_layers`` products."""
    out = x
    for _ in range(num_layers):
        out = torch.addmm(x, matrix, out)
    return out
