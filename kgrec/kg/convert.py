"""Graph files → contiguous ids, streamed: what is in memory is ids and names, never the file."""

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kgrec.errors import InputError
from kgrec.kg.name_table import Names, NameTable
from kgrec.kg.statements import Statement, Statements
from kgrec.kg.store import GraphStore
from kgrec.progress import doing

_CHUNK = 200_000
"""Statements of which the names are Python strings at one time."""


@dataclass(frozen=True)
class Converted:
    """A graph and what became of the statements read.

    Attributes:
        store: the graph; it holds ``statements`` rows, as triples and literals.
        statements: number kept.
        left_out: graph → statements passed over because the graph was not asked for.
    """

    store: GraphStore
    statements: int
    left_out: Counter[str]


def convert(paths: Sequence[Path], graphs: Sequence[str] | None = None) -> Converted:
    """Read graph files into one store.

    Ids follow the order of first appearance, head before tail. Blank nodes of different files are different
    nodes: from the second file on their names carry the file's number, as in ``_:[2]b0``.

    Args:
        paths: files of any kind that :class:`kgrec.kg.statements.Statements` knows.
        graphs: named graphs to read; ``None`` = all.

    Raises:
        InputError: a file that cannot be read, or files without a single statement.
    """
    builder = _Builder()
    left_out: Counter[str] = Counter()
    sources = [
        Statements(path, graphs, f"[{number}]" if number > 1 else "")
        for number, path in enumerate(paths, start=1)
    ]
    for source in sources:
        doing(f"reading {source.path}")
        before = builder.statements
        builder.add(source)
        left_out += source.left_out
        if builder.statements == before and not source.left_out:
            raise InputError(f"{source.path}: the file holds no statement")
    if not builder.statements:
        raise InputError(
            f"{', '.join(map(str, paths))}: no statement in the graphs {', '.join(graphs or ())}; graphs "
            f"there are: {', '.join(sorted(left_out)[:5])}"
        )
    return Converted(builder.store(), builder.statements, left_out)


class _Builder:
    """Collects statements, chunk by chunk."""

    def __init__(self) -> None:
        self.statements = 0
        self._entities = NameTable()
        self._relations: dict[str, int] = {}
        self._datatypes: dict[str, int] = {}
        self._languages: dict[str, int] = {}
        self._triples = bytearray()  # of int32
        self._facts = bytearray()  # of int32
        self._literals, self._literal_ends = bytearray(), bytearray()

    def add(self, statements: Iterable[Statement]) -> None:
        iterator = iter(statements)
        while self._add_chunk(islice(iterator, _CHUNK)):
            pass

    def _add_chunk(self, statements: Iterator[Statement]) -> int:
        entities: dict[str, int] = {}
        triples, facts, texts = array("i"), array("i"), []
        relations, datatypes, languages = self._relations, self._datatypes, self._languages
        for head, relation, tail, datatype, language in statements:
            head_id = entities.setdefault(head, len(entities))
            relation_id = relations.setdefault(relation, len(relations))
            if datatype is None:
                triples.extend((head_id, relation_id, entities.setdefault(tail, len(entities))))
                continue
            texts.append(tail.encode())
            tag = -1 if language is None else languages.setdefault(language, len(languages))
            facts.extend((head_id, relation_id, datatypes.setdefault(datatype, len(datatypes)), tag))
        numbers = self._entities.numbers(list(entities)).astype(np.int32)
        self._triples += _renumbered(triples, 3, (0, 2), numbers)
        self._facts += _renumbered(facts, 4, (0,), numbers)
        lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
        self._literal_ends += (len(self._literals) + np.cumsum(lengths)).tobytes()
        self._literals += b"".join(texts)
        added = len(triples) // 3 + len(texts)
        self.statements += added
        return added

    def store(self) -> GraphStore:
        """The graph; it shares this builder's memory."""
        return GraphStore(
            triples=np.frombuffer(self._triples, dtype=np.int32).reshape(-1, 3),
            literal_facts=np.frombuffer(self._facts, dtype=np.int32).reshape(-1, 4),
            entities=self._entities.names(),
            relations=Names.of(list(self._relations)),
            literals=Names(
                np.frombuffer(self._literals, dtype=np.uint8),
                np.frombuffer(self._literal_ends, dtype=np.int64),
            ),
            datatypes=Names.of(list(self._datatypes)),
            languages=Names.of(list(self._languages)),
        )


def _renumbered(
    rows: "array[int]", width: int, columns: tuple[int, ...], numbers: NDArray[np.int32]
) -> bytes:
    """The rows with the table's numbers for the chunk's own in ``columns``."""
    ids = np.array(rows, dtype=np.int32).reshape(-1, width)
    for column in columns:
        ids[:, column] = numbers[ids[:, column]]
    return ids.tobytes()
