"""Contiguous ids for raw string ids."""

from collections.abc import Iterable, Sequence

import numpy as np

from kgrec.shapes import IntArray


class IdMap:
    """A bijection between raw ids (strings) and ``0 … n-1`` in first-seen order.

    Args:
        raw_ids: distinct raw ids; position = id.

    Raises:
        ValueError: a raw id occurs twice.
    """

    def __init__(self, raw_ids: Sequence[str]) -> None:
        self.raw_ids = list(raw_ids)
        self._index = {raw: index for index, raw in enumerate(self.raw_ids)}
        if len(self._index) != len(self.raw_ids):
            raise ValueError(f"{len(self.raw_ids) - len(self._index)} raw ids occur twice")

    def __len__(self) -> int:
        return len(self.raw_ids)

    def __contains__(self, raw_id: str) -> bool:
        return raw_id in self._index

    def __getitem__(self, raw_id: str) -> int:
        return self._index[raw_id]

    def get(self, raw_id: str, default: int = -1) -> int:
        """The id of ``raw_id``, or ``default`` where it is unknown."""
        return self._index.get(raw_id, default)

    def to_ids(self, raw_ids: Iterable[str]) -> IntArray:
        """Ids of many raw ids, ``[n]``; -1 where unknown."""
        return np.fromiter((self._index.get(raw, -1) for raw in raw_ids), dtype=np.int64)
