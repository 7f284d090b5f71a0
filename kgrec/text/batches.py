"""Batches of tokenised texts, so that little padding is computed, or none."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from kgrec.errors import InputError

BATCHINGS = ("auto", "packed", "length", "given")
CPU_TOKENS = 1024
"""Tokens of a batch on the CPU where no number is set: what a layer makes of them stays in a core's cache."""


@dataclass(frozen=True)
class Speed:
    """How an encoder computes; nothing here changes a vector but in its last bits.

    Attributes:
        batching: packed = texts stand side by side in one row without padding, each with positions of its
            own and attending to itself alone (:mod:`kgrec.text.packing`; BERT only); length = texts of like
            length together, padded; given = padded in the order in which they come, for comparison; auto =
            packed where the model can, else length.
        batch_tokens: most tokens in a batch, padding included, beside the encoder's ``batch_size``; a longer
            text is a batch of its own. ``None`` = :data:`CPU_TOKENS` on the CPU, no limit elsewhere.
        compile: let torch.compile make few operations of those of a layer (:mod:`kgrec.text.compiled`), once
            in a process. Needs a C++ compiler on the CPU; goes on without where there is none. Rows are then
            padded, as packed ones would be compiled anew for each batch.

    Raises:
        InputError: a value out of range.
    """

    batching: str = "auto"
    batch_tokens: int | None = None
    compile: bool = False

    def __post_init__(self) -> None:
        if self.batching not in BATCHINGS:
            raise InputError(f"speed.batching: {self.batching!r} is none of {', '.join(BATCHINGS)}")
        if self.batch_tokens is not None and self.batch_tokens < 1:
            raise InputError(f"speed.batch_tokens: {self.batch_tokens} is less than 1")
        if self.compile and self.batching == "packed":
            raise InputError("speed.compile: packed rows are not compiled; set batching to auto or length")

    def limit(self, device: torch.device) -> int | None:
        """Most tokens in a batch on this device."""
        return CPU_TOKENS if self.batch_tokens is None and device.type == "cpu" else self.batch_tokens


PLAIN = Speed()
"""Every setting as ``conf/lm`` has it."""


def batches_of(
    ids: Sequence[Sequence[int]], batching: str, batch_size: int, batch_tokens: int | None
) -> list[list[int]]:
    """Rows of each batch; but for ``given`` the longest texts first: memory runs out at once or never.

    Args:
        ids: tokens of each text; texts without any are in no batch.
        batching: packed | length | given, see :class:`Speed`.
        batch_size: most texts in a batch.
        batch_tokens: most tokens in a batch of more than one text; ``None`` = no limit.
    """
    order = [row for row, tokens in enumerate(ids) if tokens]
    if batching != "given":
        order.sort(key=lambda row: -len(ids[row]))
    batches: list[list[int]] = []
    longest = total = 0
    for row in order:
        length = len(ids[row])
        longest, total = max(longest, length), total + length
        size = total if batching == "packed" else longest * (len(batches[-1]) + 1 if batches else 1)
        is_full = not batches or len(batches[-1]) == batch_size
        if is_full or (batch_tokens is not None and size > batch_tokens):
            batches.append([])
            longest = total = length
        batches[-1].append(row)
    return batches


def length_batches(ids: Sequence[Sequence[int]], batch_size: int) -> list[list[int]]:
    """Rows of each batch, the longest texts first.

    Args:
        ids: tokens of each text; texts without any are in no batch.
        batch_size: texts per batch.
    """
    return batches_of(ids, "length", batch_size, None)


def padded(ids: Sequence[Sequence[int]], device: torch.device) -> tuple[Tensor, Tensor]:
    """Token ids and mask ``[B, T]`` int64; padded on the right with id 0, which the mask hides."""
    batch = [torch.tensor(tokens, device=device) for tokens in ids]
    mask = pad_sequence([torch.ones_like(tokens) for tokens in batch], batch_first=True)
    return pad_sequence(batch, batch_first=True), mask
