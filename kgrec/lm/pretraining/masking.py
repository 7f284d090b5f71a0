"""Which tokens a model must guess: whole words and whole entities."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from kgrec.errors import InputError
from kgrec.lm.pretraining.corpus import NOTHING, Sentence

IGNORED = -100


@dataclass(frozen=True)
class Tokens:
    """A batch of pairs of sentences.

    Attributes:
        ids, types, mask: ``[B, T]`` token ids, 0 or 1 for the first or second sentence, 1 = no padding.
        groups: ``[B, T]`` what is masked together, numbered from 0 in each row; -1 = never masked.
    """

    ids: Tensor
    types: Tensor
    mask: Tensor
    groups: Tensor


def tokens_of(tokenizer: Any, firsts: list[Sentence], seconds: list[Sentence], max_length: int) -> Tokens:
    """Tokens of pairs; where a pair is too long, its longer sentence is cut."""
    size = len(firsts)
    alone = all(second is NOTHING for second in seconds)
    encoded = tokenizer(
        [sentence.text for sentence in firsts],
        None if alone else [sentence.text for sentence in seconds],
        truncation="longest_first",
        max_length=max_length,
        padding=True,
        return_token_type_ids=True,
        return_tensors="pt",
    )
    groups = torch.full_like(encoded["input_ids"], -1)
    for row in range(size):
        groups[row] = torch.tensor(_groups(encoded[row], (firsts[row], seconds[row])))
    return Tokens(encoded["input_ids"], encoded["token_type_ids"], encoded["attention_mask"], groups)


def _groups(encoding: Any, pair: tuple[Sentence, Sentence]) -> list[int]:
    """The group of each token of one row: its span, or its word where it lies in none."""
    numbers: dict[tuple[int, str, int], int] = {}
    groups = []
    for sequence, word, (begin, end) in zip(
        encoding.sequence_ids, encoding.word_ids, encoding.offsets, strict=True
    ):
        if sequence is None or word is None:
            groups.append(-1)
            continue
        spans = [
            place for place, span in enumerate(pair[sequence].spans) if span[0] <= begin and end <= span[1]
        ]
        key = (sequence, "span", spans[0]) if spans else (sequence, "word", word)
        groups.append(numbers.setdefault(key, len(numbers)))
    return groups


@dataclass(frozen=True)
class Masking:
    """Masks whole groups of tokens: the words of BERT's whole-word masking, or entities.

    Of the tokens of a chosen group 80 % become ``[MASK]``, 10 % a random token, 10 % stay (`BERT
    <https://arxiv.org/abs/1810.04805>`_, Devlin et al., NAACL 2019, §3.1, task 1; whole words as in the
    authors' later models: all tokens of a word are guessed together).

    Attributes:
        share: of the groups, (0, 1); at least one of each row.

    Raises:
        InputError: a share out of range.
    """

    share: float

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise InputError(f"lm_pretrain.masking.share: found {self.share}, expected in (0, 1)")

    def __call__(
        self, tokens: Tokens, mask_id: int, num_ids: int, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """Ids to read ``[B, T]``, and the ids to guess, :data:`IGNORED` elsewhere.

        Args:
            tokens: on the CPU.
            mask_id: of ``[MASK]``.
            num_ids: a random token is one of 0 … num_ids - 1.
            generator: of the draws; ``None`` = torch's own.
        """
        groups = tokens.groups
        maskable = groups >= 0
        draw = torch.rand(groups.shape, generator=generator)
        # The number of a token's group is the column that draws for it.
        group_draw = draw.gather(1, groups.clamp(min=0)).masked_fill(~maskable, 2.0)
        lowest = group_draw.amin(dim=1, keepdim=True)
        chosen = maskable & ((group_draw < self.share) | (group_draw == lowest))
        kind = torch.rand(groups.shape, generator=generator)
        random_ids = torch.randint(num_ids, groups.shape, generator=generator)
        read = torch.where(chosen & (kind < 0.8), mask_id, tokens.ids)
        read = torch.where(chosen & (kind >= 0.8) & (kind < 0.9), random_ids, read)
        return read, torch.where(chosen, tokens.ids, IGNORED)
