"""Glorot's start of a matrix of parameters."""

import torch
from torch import nn


def glorot(rows: int, columns: int) -> nn.Parameter:
    """``[rows, columns]``, uniform in ±√(6 / (rows + columns))."""
    return nn.Parameter(nn.init.xavier_uniform_(torch.empty(rows, columns)))
