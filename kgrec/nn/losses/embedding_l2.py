"""Penalty of the embeddings that a batch reads."""

import torch
from torch import Tensor


def embedding_l2(*embeddings: Tensor) -> Tensor:
    r"""The penalty :math:`\frac{1}{2B} \sum_k \lVert e_k \rVert^2` of a batch's own embeddings, shape ``[]``.

    The regulariser of BPR's descendants (KGAT, KGIN, LightKG …): unlike weight decay it touches only the rows
    that a step has read.

    Args:
        embeddings: tensors ``[B, ..., D]`` of one first size B, whose penalties are added up.
    """
    return torch.stack([rows.square().sum() / (2 * len(rows)) for rows in embeddings]).sum()
