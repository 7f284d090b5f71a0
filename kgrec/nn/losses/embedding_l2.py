"""Penalty of the embeddings that a batch reads."""

import torch
import torch.nn.functional as F
from torch import Tensor


def embedding_l2(*embeddings: Tensor) -> Tensor:
    r"""The penalty :math:`\frac{1}{2B} \sum_k \lVert e_k \rVert^2` of a batch's own embeddings, shape ``[]``.

    The regulariser of BPR's descendants (KGAT, KGIN, LightKG …): unlike weight decay it touches only the rows
    that a step has read.

    Args:
        embeddings: tensors ``[B, ..., D]`` of one first size B, whose penalties are added up.
    """
    return torch.stack([rows.square().sum() / (2 * len(rows)) for rows in embeddings]).sum()


def read_l2(users: Tensor, items: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
    """:func:`embedding_l2` of the vectors that a batch of pairs reads, shape ``[]``.

    Lengths are computed once for each item, and only they are looked up: with many negatives, that is
    far less than their vectors.

    Args:
        users: ``[B, D]`` of the batch's users.
        items: ``[I, D]`` of all items.
        positives: ``[B]`` item ids.
        negatives: ``[B, n]`` item ids, n ≥ 0.
    """
    lengths = items.square().sum(dim=1, keepdim=True)
    read = torch.cat([positives.unsqueeze(1), negatives], dim=1)
    return embedding_l2(users) + F.embedding(read, lengths).sum() / (2 * len(users))
