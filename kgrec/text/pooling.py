"""From token states to one vector per text.

Each function takes states ``[B, T, D]`` and a mask ``[B, T]`` (1 = token, 0 = padding, at least one
token per row, padding on either side) and gives ``[B, D]`` in float32. Padding never changes a result.
"""

from collections.abc import Callable

import torch
from torch import Tensor


def mean_pool(states: Tensor, mask: Tensor) -> Tensor:
    """Mean over the tokens: what sentence encoders such as MiniLM are trained for."""
    weights = mask.unsqueeze(-1).float()
    return (states.float() * weights).sum(dim=1) / weights.sum(dim=1)


def cls_pool(states: Tensor, mask: Tensor) -> Tensor:
    """The first token, ``[CLS]`` of BERT-like encoders."""
    first = mask.long().argmax(dim=1)
    return states[torch.arange(len(states), device=states.device), first].float()


def max_pool(states: Tensor, mask: Tensor) -> Tensor:
    """Largest value over the tokens, for each dimension."""
    return states.float().masked_fill(mask.unsqueeze(-1) == 0, -torch.inf).amax(dim=1)


def last_pool(states: Tensor, mask: Tensor) -> Tensor:
    """The last token, the only one of a decoder that has read the whole text."""
    last = mask.shape[1] - 1 - mask.long().flip(1).argmax(dim=1)
    return states[torch.arange(len(states), device=states.device), last].float()


POOLINGS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mean": mean_pool,
    "cls": cls_pool,
    "max": max_pool,
    "last": last_pool,
}
"""The values of the setting ``pooling``."""


def first_tokens(states: Tensor, max_tokens: int, normalize: bool) -> Tensor:
    """The first states ``[≤ max_tokens, D]`` of a text's ``[T, D]``, float32 on the CPU.

    With ``normalize`` they are divided by the length of the mean of all, and so on the scale of a pooled
    vector of length 1.
    """
    whole = states.float().cpu()
    length = whole.mean(dim=0).norm().clamp(min=1e-12) if normalize and len(whole) else 1.0
    return whole[:max_tokens] / length
