"""Names in little memory: one run of bytes and where each name ends."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kgrec.shapes import IntArray


@dataclass(frozen=True)
class Names:
    """Strings by number, as a store of graphs holds them.

    Attributes:
        text: ``[bytes]`` uint8, all names in UTF-8, one behind the other.
        ends: ``[n]`` int64, where each name ends.
    """

    text: NDArray[np.uint8]
    ends: IntArray

    @classmethod
    def of(cls, names: Sequence[str]) -> "Names":
        """From strings."""
        encoded = [name.encode() for name in names]
        ends = np.cumsum([len(name) for name in encoded], dtype=np.int64)
        return cls(np.frombuffer(b"".join(encoded), dtype=np.uint8), ends)

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, index: int) -> str:
        start = int(self.ends[index - 1]) if index else 0
        return self.text[start : int(self.ends[index])].tobytes().decode()

    def __iter__(self) -> Iterator[str]:
        text, start = self.text.tobytes(), 0
        for end in self.ends.tolist():
            yield text[start:end].decode()
            start = end


class NameTable:
    """Gives each distinct name the next number, in order of first appearance.

    A dictionary of strings needs some 200 bytes for a name beside its text; this needs 20, so that a graph of
    millions of entities fits. A name is looked for by a 64-bit hash in a sorted array and then compared byte
    by byte, so that two names of the same hash never become one.

    Args:
        hash_name: string → whole number of 64 bits.
    """

    def __init__(self, hash_name: Callable[[str], int] = hash) -> None:
        self._hash = hash_name
        self._hashes = np.empty(0, dtype=np.int64)  # ascending, distinct
        self._numbers = np.empty(0, dtype=np.int64)  # of the name that has the hash
        self._others: dict[str, int] = {}  # names whose hash another name has
        self._text = bytearray()
        self._ends = bytearray()  # of int64
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def numbers(self, names: Sequence[str]) -> IntArray:
        """Numbers ``[n]`` of ``names``, which are distinct; those not seen before get one."""
        encoded = [name.encode() for name in names]
        hashes = np.fromiter(map(self._hash, names), dtype=np.int64, count=len(names))
        order = np.argsort(hashes)  # neighbours are looked for one after the other: memory is read in order
        place = np.empty(len(names), dtype=np.int64)
        place[order] = np.searchsorted(self._hashes, hashes[order])
        found = np.zeros(len(names), dtype=bool)
        inside = place < len(self._hashes)
        found[inside] = self._hashes[place[inside]] == hashes[inside]
        result = np.full(len(names), -1, dtype=np.int64)
        result[found] = self._numbers[place[found]]
        first = np.zeros(len(names), dtype=bool)  # of its hash, ever
        fresh = np.flatnonzero(~found)
        first[fresh[np.unique(hashes[fresh], return_index=True)[1]]] = True
        for index in np.flatnonzero(found & ~self._are(result, encoded)).tolist():
            result[index] = self._others.get(names[index], -1)
        for index in np.flatnonzero(~found & ~first).tolist():
            result[index] = self._others.get(names[index], -1)
        new = np.flatnonzero(result < 0)
        result[new] = self._size + np.arange(len(new))
        self._append([encoded[index] for index in new.tolist()])
        self._others.update((names[i], int(result[i])) for i in new[~first[new]].tolist())
        self._insert(hashes[first], result[first])
        return result

    def names(self) -> Names:
        """All names by number; shares the table's memory, which grows no more from now on."""
        return Names(np.frombuffer(self._text, dtype=np.uint8), np.frombuffer(self._ends, dtype=np.int64))

    def _are(self, numbers: IntArray, encoded: Sequence[bytes]) -> NDArray[np.bool_]:
        """Whether the names of ``numbers`` (-1 = none, which is true) are ``encoded``."""
        same = np.ones(len(numbers), dtype=bool)
        known = np.flatnonzero(numbers >= 0)
        ends = np.frombuffer(self._ends, dtype=np.int64)
        stops = ends[numbers[known]]
        starts = np.where(numbers[known] > 0, ends[numbers[known] - 1], 0)
        del ends  # a bytearray that is looked at cannot grow
        for index, start, stop in zip(known.tolist(), starts.tolist(), stops.tolist(), strict=True):
            same[index] = self._text[start:stop] == encoded[index]
        return same

    def _append(self, encoded: Sequence[bytes]) -> None:
        lengths = np.fromiter(map(len, encoded), dtype=np.int64, count=len(encoded))
        self._ends += (len(self._text) + np.cumsum(lengths)).tobytes()
        self._text += b"".join(encoded)
        self._size += len(encoded)

    def _insert(self, hashes: IntArray, numbers: IntArray) -> None:
        order = np.argsort(hashes)
        place = np.searchsorted(self._hashes, hashes[order])
        self._hashes = np.insert(self._hashes, place, hashes[order])
        self._numbers = np.insert(self._numbers, place, numbers[order])
