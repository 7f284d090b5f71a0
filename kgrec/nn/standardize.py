"""Features on a common scale."""

import torch
from torch import Tensor, nn


class Standardize(nn.Module):
    """Columns to mean 0, and rows to an expected length of 1, by the statistics of the rows given.

    A column that is constant there is centred only: what an item seen later differs by is not blown up.

    Args:
        rows: ``[n, D]`` whose statistics are kept (and stored with the weights).
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, rows: Tensor) -> None:
        super().__init__()
        width = rows.shape[1]
        enough = len(rows) > 1
        self.register_buffer("mean", rows.mean(dim=0) if enough else torch.zeros(width))
        deviation = rows.std(dim=0) if enough else torch.ones(width)
        self.register_buffer("scale", deviation.masked_fill(deviation < 1e-6, 1.0) * width**0.5)

    def forward(self, x: Tensor) -> Tensor:
        """``[N, D]`` to ``[N, D]``."""
        return (x - self.mean) / self.scale
