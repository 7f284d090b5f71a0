"""Texts side by side in one row, without padding: each has its own positions and attends to itself alone.

The mask of such a row is block-diagonal (https://arxiv.org/abs/2107.02027 section 3.2.2). Here no mask is
made: texts come sorted by length, so those of one length are a group, and attention is computed for a group
at a time as if it were a batch. Nothing outside the blocks is computed, and nothing is hidden within them.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_NAME = "kgrec_packed"

Groups = list[tuple[int, int]]
"""Texts and the tokens of each, of every group, as they stand in the row."""


def can_pack(network: Any) -> bool:
    """Whether a network's positions and attention are BERT's own, without a trained prefix."""
    has_prefix = isinstance(getattr(network, "prefix", None), nn.Module)
    return type(network).__name__ == "BertModel" and not has_prefix


@contextmanager
def reading_packed(network: Any) -> Iterator[None]:
    """Within it, the network reads packed rows."""
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import sdpa_mask

    AttentionInterface.register(_NAME, _attention)
    AttentionMaskInterface.register(_NAME, sdpa_mask)  # asked for a mask of a row without padding: none
    before = network.config._attn_implementation
    network.config._attn_implementation = _NAME
    try:
        yield
    finally:
        network.config._attn_implementation = before


def packed(ids: Sequence[Sequence[int]], device: torch.device) -> tuple[Tensor, dict[str, Any]]:
    """Token ids ``[1, ΣT]``, and what else the network is to be given.

    Args:
        ids: of each text; those of one length must be neighbours.
        device: of the network.
    """
    tokens = torch.tensor([token for text in ids for token in text], device=device)
    positions = torch.cat([torch.arange(len(text), device=device) for text in ids])
    groups = [(len(list(texts)), length) for length, texts in groupby(len(text) for text in ids)]
    return tokens.unsqueeze(0), {"position_ids": positions.unsqueeze(0), "groups": groups}


def blocks_of(states: Tensor, groups: Groups) -> list[Tensor]:
    """``[1, ΣT, D]`` → ``[n, T, D]`` of each group."""
    parts = states[0].split([texts * tokens for texts, tokens in groups])
    return [part.view(*group, -1) for part, group in zip(parts, groups, strict=True)]


def _attention(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: None,
    groups: Groups,
    scaling: float | None = None,
    dropout: float = 0.0,
    **_others: Any,
) -> tuple[Tensor, None]:
    """``[1, heads, ΣT, d]`` each → ``[1, ΣT, heads, d]``; the interface is that of transformers."""
    out = query.new_empty(1, query.shape[2], query.shape[1], query.shape[3])
    start = 0
    for texts, tokens in groups:
        stop = start + texts * tokens
        one, two, three = (
            part[0, :, start:stop].view(-1, texts, tokens, part.shape[3]).transpose(0, 1)
            for part in (query, key, value)
        )
        found = F.scaled_dot_product_attention(one, two, three, dropout_p=dropout, scale=scaling)
        out[0, start:stop] = found.transpose(1, 2).flatten(0, 1)
        start = stop
    return out, None
