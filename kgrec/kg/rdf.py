"""Triples from and to files as frames.

Names in kgrec are plain strings. An IRI is its own name. A name that is no IRI (``m.08gjyx``, ``Tom Hanks``)
is written as ``urn:kgrec:`` + its percent-encoding and read back as the name it was.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import islice
from pathlib import Path
from urllib.parse import quote

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kgrec.errors import InputError
from kgrec.kg.name_table import Names
from kgrec.kg.statements import NAMESPACE, Statements, format_ending
from kgrec.kg.store import ENDING, GraphStore, load_store
from kgrec.kg.whole_file import whole_file

_LOG = logging.getLogger(__name__)
WRITABLE = {".ttl": "TURTLE", ".nt": "N_TRIPLES"}
"""File ending → pyoxigraph's name of the format."""
_SCHEMA = {"head": pl.String, "relation": pl.String, "tail": pl.String, "tail_is_literal": pl.Boolean}
_CHUNK_ROWS = 100_000
_STATEMENT = {
    "head": pl.String,
    "relation": pl.String,
    "tail": pl.String,
    "datatype": pl.String,
    "language": pl.String,
}


def read_statements(path: Path, graphs: Sequence[str] | None = None) -> pl.DataFrame:
    """Read a graph file of any kind that :class:`kgrec.kg.statements.Statements` knows, or a store.

    Streamed in chunks, so that the memory needed is that of the result.

    Args:
        path: the file.
        graphs: named graphs to read; ``None`` = all.

    Returns:
        ``head, relation, tail`` and of literal tails ``datatype`` and ``language`` (else null), in file
        order.

    Raises:
        InputError: a file that cannot be read, none of its statements is in ``graphs``, or graphs are chosen
            of a store, which has none.
    """
    if format_ending(path) == ENDING:
        if graphs is not None:
            raise InputError(f"{path}: a store has no named graphs; choose with `kgrec kg convert --graph`")
        return _of_store(load_store(path))
    statements = Statements(path, graphs)
    frame = _frame(statements, _STATEMENT)
    if frame.is_empty() and statements.left_out:
        raise InputError(
            f"{path}: no statement in the graphs {', '.join(graphs or ())}; graphs there are: "
            f"{', '.join(sorted(statements.left_out)[:5])}"
        )
    if statements.left_out:
        _LOG.info("%s: %d statements of other graphs left out", path, statements.left_out.total())
    return frame


def write_rdf(triples: pl.DataFrame, path: Path) -> None:
    """Write triples as Turtle (``.ttl``) or N-Triples (``.nt``).

    RDF is a set: duplicates are written once, where they stand first.

    Args:
        triples: ``head, relation, tail`` and, where known, ``tail_is_literal``.
        path: where to; its folder is made, and nothing half-written is left under this name.

    Raises:
        InputError: unknown ending.
    """
    from pyoxigraph import Literal, NamedNode, RdfFormat, Triple, serialize

    if path.suffix.lower() not in WRITABLE:
        raise InputError(f"{path}: unknown ending; RDF is written to {' or '.join(WRITABLE)}")
    if "tail_is_literal" not in triples.columns:
        triples = triples.with_columns(tail_is_literal=pl.lit(False))
    node = cache(lambda name: NamedNode(_to_iri(name)))
    statements = (
        Triple(node(head), node(relation), Literal(tail) if is_literal else node(tail))
        for head, relation, tail, is_literal in triples.select(list(_SCHEMA))
        .unique(maintain_order=True)
        .iter_rows()
    )
    with whole_file(path) as temporary:
        serialize(statements, temporary, getattr(RdfFormat, WRITABLE[path.suffix.lower()]))


def _of_store(store: GraphStore) -> pl.DataFrame:
    """A store's triples, then its literals."""

    def named(names: Names, ids: NDArray[np.int32]) -> pl.Series:
        known = pl.Series(list(names), dtype=pl.String)
        return known.gather(pl.Series(np.where(ids >= 0, ids, len(known))), null_on_oob=True)

    entities, relations = store.entities, store.relations
    head, relation, tail = store.triples.T
    triples = pl.DataFrame(
        {"head": named(entities, head), "relation": named(relations, relation), "tail": named(entities, tail)}
    )
    head, relation, datatype, language = store.literal_facts.T
    literals = pl.DataFrame(
        {
            "head": named(entities, head),
            "relation": named(relations, relation),
            "tail": pl.Series(list(store.literals), dtype=pl.String),
            "datatype": named(store.datatypes, datatype),
            "language": named(store.languages, language),
        }
    )
    return pl.concat([triples, literals], how="diagonal")


def _frame(rows: Iterable[tuple[str | None, ...]], schema: Mapping[str, type[pl.DataType]]) -> pl.DataFrame:
    """A frame built in chunks, so that few Python strings live at once."""
    chunks = [pl.DataFrame(schema=schema)]
    iterator = iter(rows)
    while chunk := list(islice(iterator, _CHUNK_ROWS)):
        chunks.append(pl.DataFrame([list(column) for column in zip(*chunk, strict=True)], schema=schema))
    return pl.concat(chunks)


def _to_iri(name: str) -> str:
    """``name`` itself where it is an IRI outside kgrec's namespace, else its minted IRI."""
    if _is_iri(name) and not name.startswith(NAMESPACE):
        return name
    return NAMESPACE + quote(name, safe="")


def _is_iri(name: str) -> bool:
    from pyoxigraph import NamedNode

    try:
        NamedNode(name)
    except ValueError:
        return False
    return True
