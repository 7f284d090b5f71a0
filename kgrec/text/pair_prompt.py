"""A user's history and one candidate as the token ids of one text."""

from collections.abc import Sequence
from typing import Any

from kgrec.errors import InputError

LIKED, BETWEEN, NEXT = "liked:", ";", "next:"
"""What stands before the history, between its items, and before the candidate of a model without [SEP]."""
RESERVED_ID = 0
"""Stands where something else than a word will be read; any id of the vocabulary would do."""


class PairPrompt:
    """``[CLS] liked: a; b [SEP] c [SEP]`` for encoders, ``liked: a; b next: c`` where there is no [SEP].

    Items are tokenised once, each by itself. Where a text is too long, the history loses its last tokens;
    only a candidate that fills the text alone is cut. Places that soft tokens take are counted.

    Args:
        tokenizer: of the language model.
        texts: ``I`` texts of the items; an empty one adds no token.
        max_tokens: of a whole text, special tokens and reserved places included.
        num_reserved: places kept free before the text, behind [CLS]; they hold :data:`RESERVED_ID`.

    Raises:
        InputError: ``max_tokens`` leaves no room for a word of each side.
    """

    def __init__(self, tokenizer: Any, texts: Sequence[str], max_tokens: int, num_reserved: int) -> None:
        self.num_reserved = num_reserved
        self._items = _token_ids(tokenizer, list(texts))
        liked, self._between, marked = _token_ids(tokenizer, [LIKED, BETWEEN, NEXT])
        first, last = tokenizer.cls_token_id, tokenizer.sep_token_id
        is_pair = first is not None and last is not None
        self._start = [first] if is_pair else []
        self._head = [*self._start, *[RESERVED_ID] * num_reserved, *liked]
        self._middle = [last] if is_pair else marked
        self._end = [last] if is_pair else []
        self._room = max_tokens - len(self._head) - len(self._middle) - len(self._end)
        if self._room < 2:
            least = max_tokens - self._room + 2
            raise InputError(f"model.prompt.max_tokens: found {max_tokens}, expected at least {least}")

    @property
    def reserved_from(self) -> int:
        """Place of the first reserved id in every text."""
        return len(self._start)

    def __call__(self, history: Sequence[int], candidate: int) -> list[int]:
        """Token ids.

        Args:
            history: item ids, the one that matters most first.
            candidate: item id.
        """
        item = self._items[candidate][: self._room]
        liked: list[int] = []
        for other in history:
            if len(liked) >= self._room - len(item):
                break
            liked += [*self._between, *self._items[other]] if liked else self._items[other]
        return [*self._head, *liked[: self._room - len(item)], *self._middle, *item, *self._end]


def _token_ids(tokenizer: Any, texts: list[str]) -> list[list[int]]:
    ids: list[list[int]] = tokenizer(texts, add_special_tokens=False, padding=False)["input_ids"]
    return ids
