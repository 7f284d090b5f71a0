r"""The logarithm of a softmax's denominator, without the matrix of scores.

.. math::
    \ln \sum_j e^{u \cdot v_j}, \qquad \frac{\partial}{\partial u} = \sum_j p_j v_j, \qquad
    p = \operatorname{softmax}(u \cdot V)

A matrix of users × items is too large for a cache: torch's own logsumexp writes and reads it several times,
forth and back. Here a block of users is scored, summed and turned into its gradient while at hand; where
the items' gradient is wanted too, each block is scored once more, unless all scores are few. Cf. the online
softmax of Milakov and Gimelshein, https://arxiv.org/abs/1805.02867, and its recomputation by Dao et al.,
NeurIPS 2022, https://arxiv.org/abs/2205.14135 (§3.1).
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

CACHED_SCORES = 2**18
"""Scores of a block on the CPU, 1 MB in float32."""

DEVICE_SCORES = 2**26
"""Scores of a block elsewhere, where large products are what is fast."""

FEW_SCORES = 2**23
"""Up to here scoring once more for the items' gradient takes longer than keeping all scores."""


def log_partition(users: Tensor, items: Tensor) -> Tensor:
    """``log Σ_j exp(users · items_j)``, ``[M]`` of ``users [M, D]`` and ``items [C, D]``; -inf where C is 0.

    Scores and sums are in float32 at least. Differentiable once, in both.
    """
    if len(items) == 0:
        return users.new_full((len(users),), -torch.inf)
    if items.requires_grad and len(users) * len(items) <= FEW_SCORES:
        return torch.logsumexp(users @ items.T, dim=1)
    dtype = torch.promote_types(users.dtype, items.dtype)
    result: Tensor = _LogPartition.apply(users.to(dtype), items.to(dtype))
    return result


class _LogPartition(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, users: Tensor, items: Tensor) -> Tensor:
        logs, expected = [], []
        for block in users.split(_block_size(items)):
            weights = _scores(block, items)
            highest = weights.amax(dim=1, keepdim=True)
            total = weights.sub_(highest).exp_().sum(dim=1, keepdim=True)
            logs.append((total.log() + highest).squeeze(1))
            if ctx.needs_input_grad[0]:
                expected.append((weights.to(items.dtype) @ items).to(total.dtype) / total)
        result = torch.cat(logs)
        ctx.save_for_backward(users, items, result, torch.cat(expected) if expected else None)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, Tensor | None]:
        users, items, logs, expected = ctx.saved_tensors
        of_users = (slope[:, None] * expected).to(users.dtype) if ctx.needs_input_grad[0] else None
        return of_users, _slope_of_items(users, items, logs, slope) if ctx.needs_input_grad[1] else None


def _slope_of_items(users: Tensor, items: Tensor, logs: Tensor, slope: Tensor) -> Tensor:
    """``[C, D]``: the users, each as much as the item has of its probability."""
    total = torch.zeros_like(items)
    size = _block_size(items)
    for block, log, weight in zip(users.split(size), logs.split(size), slope.split(size), strict=True):
        share = _scores(block, items).sub_(log[:, None]).exp_()
        total.addmm_(share.to(items.dtype).T, (weight[:, None] * block).to(items.dtype))
    return total


def _scores(users: Tensor, items: Tensor) -> Tensor:
    scores = users @ items.T
    return scores.to(torch.promote_types(scores.dtype, torch.float32))


def _block_size(items: Tensor) -> int:
    """Users whose scores of all items are at hand at a time."""
    scores = CACHED_SCORES if items.device.type == "cpu" else DEVICE_SCORES
    return max(1, scores // len(items))
