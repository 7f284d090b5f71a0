"""A graph in one ``.npz`` file: ids, names, literals; whole or not at all, and never pickled."""

import hashlib
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kgrec.errors import InputError
from kgrec.kg.name_table import Names
from kgrec.kg.whole_file import whole_file

FORMAT = "kgrec graph 1"
ENDING = ".npz"
_NAMES = ("entities", "relations", "literals", "datatypes", "languages")
_NO_LANGUAGE = -1


@dataclass(frozen=True)
class GraphStore:
    """Statements in contiguous ids, in file order, repeated ones as they stand.

    Attributes:
        triples: ``[T, 3]`` int32: head, relation, tail, between entities.
        literal_facts: ``[L, 4]`` int32: head, relation, datatype, language (-1 = none), one row for each of
            ``literals``.
        entities: E names.
        relations: R names, of triples and literals alike.
        literals: L lexical forms, repeated ones as they stand.
        datatypes: their names.
        languages: language tags.
    """

    triples: NDArray[np.int32]
    literal_facts: NDArray[np.int32]
    entities: Names
    relations: Names
    literals: Names
    datatypes: Names
    languages: Names

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What the file holds beside its hash."""
        arrays: dict[str, NDArray[Any]] = {"triples": self.triples, "literal_facts": self.literal_facts}
        for kind in _NAMES:
            names: Names = getattr(self, kind)
            arrays |= {f"{kind}_text": names.text, f"{kind}_ends": names.ends}
        return arrays


def content_hash(store: GraphStore) -> str:
    """BLAKE2b of all that the store holds, as hexadecimal digits: two equal graphs have equal hashes."""
    digest = hashlib.blake2b(FORMAT.encode(), digest_size=16)
    for name, array in store.arrays().items():
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def save_store(store: GraphStore, path: Path) -> str:
    """Write the file; nothing half-written is left under its name.

    Returns:
        The hash of the content.

    Raises:
        InputError: ``path`` does not end in ``.npz``.
    """
    check_ending(path)
    digest = content_hash(store)
    with whole_file(path) as temporary, temporary.open("wb") as file:
        np.savez(file, format=np.array(FORMAT), hash=np.array(digest), **store.arrays())  # type: ignore[arg-type]
    return digest


def check_ending(path: Path) -> None:
    """Refuse a name that says nothing of a store.

    Raises:
        InputError: ``path`` does not end in ``.npz``.
    """
    if path.suffix.lower() != ENDING:
        raise InputError(f"{path}: unknown ending; a graph's store is written to {ENDING}")


def load_store(path: Path) -> GraphStore:
    """Read the file, all of it checked.

    Raises:
        InputError: no such file, another kind of file, or one that is damaged.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile, zlib.error, NotImplementedError,
            AttributeError, TypeError) as error:  # fmt: skip
        raise InputError(
            f"{path}: not readable as a graph's store, which `kgrec kg convert` writes: "
            f"{' '.join(str(error).split())[:100]}"
        ) from error
    if str(arrays.pop("format", "")) != FORMAT:
        raise InputError(f"{path}: found no {FORMAT!r}; make it with `kgrec kg convert`")
    digest = str(arrays.pop("hash", ""))
    store = _store(arrays, path)
    if content_hash(store) != digest:
        raise InputError(f"{path}: damaged: the content is not what its hash says; convert once more")
    return store


def _store(arrays: Mapping[str, NDArray[Any]], path: Path) -> GraphStore:
    needed = {"triples", "literal_facts", *(f"{kind}_{part}" for kind in _NAMES for part in ("text", "ends"))}
    if set(arrays) != needed:
        raise InputError(f"{path}: found the arrays {sorted(arrays)}, expected {sorted(needed)}")
    names = {kind: Names(arrays[f"{kind}_text"], arrays[f"{kind}_ends"]) for kind in _NAMES}
    return GraphStore(triples=arrays["triples"], literal_facts=arrays["literal_facts"], **names)
