"""Batches of tokenised texts of like length, so that little padding is computed."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence


def length_batches(ids: Sequence[Sequence[int]], batch_size: int) -> list[list[int]]:
    """Rows of each batch, the longest texts first: memory runs out at once or never.

    Args:
        ids: tokens of each text; texts without any are in no batch.
        batch_size: texts per batch.
    """
    order = sorted((row for row, tokens in enumerate(ids) if tokens), key=lambda row: -len(ids[row]))
    return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]


def padded(ids: Sequence[Sequence[int]], device: torch.device) -> tuple[Tensor, Tensor]:
    """Token ids and mask ``[B, T]`` int64; padded on the right with id 0, which the mask hides."""
    batch = [torch.tensor(tokens, device=device) for tokens in ids]
    mask = pad_sequence([torch.ones_like(tokens) for tokens in batch], batch_first=True)
    return pad_sequence(batch, batch_first=True), mask
