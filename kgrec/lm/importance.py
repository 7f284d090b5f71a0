"""How much each attention head and each inner neuron does for the vectors of given texts."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from kgrec.progress import steps
from kgrec.seed import torch_generator
from kgrec.text.backbone import token_ids
from kgrec.text.batches import length_batches, padded
from kgrec.text.blocks import Block, blocks
from kgrec.text.pooling import POOLINGS

BATCH_SIZE = 32
DRAWS = 4
"""Random directions for each text; see :func:`importance`."""


@dataclass(frozen=True)
class Importance:
    """Of each layer.

    Attributes:
        heads: one ``[n]`` for each layer.
        neurons: one ``[f]`` for each layer.
    """

    heads: list[Tensor]
    neurons: list[Tensor]


def importance(
    network: Any, tokenizer: Any, texts: Sequence[str], max_length: int, pooling: str, seed: int
) -> Importance:
    """Expected squared change of a text's vector when a part is switched off, to first order.

    Each head's output, and each neuron's activation, is multiplied by a gate ξ = 1 for each text x. With
    the vector e(x), pooled and scaled to length 1, the importance of a part is E_x ‖∂e(x)/∂ξ‖². That is the
    first-order Taylor importance of Michel et al. 2019, https://arxiv.org/abs/1905.10650 equation 2 (for
    heads; for neurons Molchanov et al. 2017, https://arxiv.org/abs/1611.06440, gradient × activation), with
    the vector itself in the place of a loss. It needs no label and no task, and what items are compared by
    is exactly what it keeps. The squared change as a *loss* would not do: it is least, so flat, where
    nothing is pruned yet, and its first-order importance is 0 for every part.

    ‖∂e/∂ξ‖² is estimated as (vᵀ ∂e/∂ξ)² with v standard normal, of which it is the mean, over
    :data:`DRAWS` directions a text: a single backward pass tells of all parts.

    Args:
        network: in evaluation mode; its weights are not changed.
        tokenizer: its tokenizer.
        texts: non-empty.
        max_length: tokens.
        pooling: see :data:`kgrec.text.pooling.POOLINGS`.
        seed: of the directions.
    """
    ids = token_ids(tokenizer, list(texts), max_length)
    parts, device = blocks(network), next(network.parameters()).device
    sums = [torch.zeros(size) for block in parts for size in (block.num_heads, block.width)]
    draw = torch_generator(seed, "lm", "importance")
    batches = length_batches(ids, BATCH_SIZE)
    for rows in steps(batches, "importance", "batch"):
        input_ids, mask = padded([ids[row] for row in rows], device)
        with _gates(parts, len(rows), device) as gates:
            states = network(input_ids=input_ids, attention_mask=mask).last_hidden_state
            vectors = F.normalize(POOLINGS[pooling](states, mask), dim=-1)
            for _ in range(DRAWS):
                direction = torch.randn(vectors.shape, generator=draw).to(device)
                # texts do not touch each other, so that the sum's gradient is each text's own
                slopes = torch.autograd.grad((direction * vectors).sum(), gates, retain_graph=True)
                for total, slope in zip(sums, slopes, strict=True):
                    total += slope.square().sum(dim=0).cpu()
    means = [total / (DRAWS * max(1, sum(map(len, batches)))) for total in sums]
    return Importance(means[0::2], means[1::2])


@contextmanager
def _gates(parts: Sequence[Block], num_texts: int, device: torch.device) -> Iterator[list[Tensor]]:
    """Gates of value 1, ``[B, n]`` and ``[B, f]`` for each layer in turn, at work inside the ``with``."""
    gates, handles = [], []
    for block in parts:
        for linear, size in ((block.merge, block.num_heads), (block.down, block.width)):
            gate = torch.ones(num_texts, size, device=device, requires_grad=True)
            gates.append(gate)
            handles.append(linear.register_forward_pre_hook(partial(_multiply, gate)))
    try:
        yield gates
    finally:
        for handle in handles:
            handle.remove()


def _multiply(gate: Tensor, _linear: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor]:
    """Multiply each group of channels of ``[B, T, C]`` by its gate."""
    (x,) = inputs
    factors = gate.repeat_interleave(x.shape[-1] // gate.shape[1], dim=1)
    return (x * factors.unsqueeze(1),)
