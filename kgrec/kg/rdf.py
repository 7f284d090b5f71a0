"""Triples from and to files: the only home of pyoxigraph (streaming reader) and rdflib (writer).

Names in kgrec are plain strings. An IRI is its own name. A name that is no IRI (``m.08gjyx``, ``Tom Hanks``)
is written as ``urn:kgrec:`` + its percent-encoding and read back as the name it was.
"""

import gzip
import os
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import IO, Any, cast
from urllib.parse import quote, unquote
from xml.parsers import expat

import polars as pl

from kgrec.errors import InputError

NAMESPACE = "urn:kgrec:"
READABLE = {
    ".ttl": "TURTLE",
    ".nt": "N_TRIPLES",
    ".rdf": "RDF_XML",
    ".xml": "RDF_XML",
    ".owl": "RDF_XML",
}
"""File ending (a further ``.gz`` is understood) → pyoxigraph's name of the format."""
WRITABLE = {".ttl": "turtle", ".nt": "nt11"}
"""File ending → rdflib's name of the format."""
LABEL_RELATIONS = (
    "http://www.w3.org/2000/01/rdf-schema#label",
    "http://www.w3.org/2004/02/skos/core#prefLabel",
    "http://schema.org/name",
    "https://schema.org/name",
    "http://xmlns.com/foaf/0.1/name",
    "http://purl.org/dc/terms/title",
    "http://purl.org/dc/elements/1.1/title",
)
"""Relations whose literal tail names the head, the most telling first."""

_SCHEMA = {"head": pl.String, "relation": pl.String, "tail": pl.String, "tail_is_literal": pl.Boolean}
_CHUNK_ROWS = 100_000
_GENERATED_LABEL = re.compile(r"[0-9a-f]{16,}")
_HEADER = ["head", "relation", "tail"]


def format_ending(path: Path) -> str:
    """The ending that tells the format: ``.ttl`` for ``films.ttl`` and for ``films.ttl.gz``."""
    return (path.with_suffix("") if path.suffix == ".gz" else path).suffix.lower()


def read_rdf(path: Path) -> pl.DataFrame:
    """Read Turtle, N-Triples or RDF/XML, optionally gzipped, told apart by the file ending.

    Streamed in chunks, so that the memory needed is that of the result. Blank nodes keep their label
    (``_:name``); unlabelled ones are numbered in file order (``_:[1]``, which no label can be), so that the
    same file gives the same names each time. Of a literal only its lexical form is kept.

    Args:
        path: the file.

    Returns:
        ``head, relation, tail`` (strings) and ``tail_is_literal`` (bool), in file order.

    Raises:
        InputError: missing file, unknown ending, damaged gzip, or malformed RDF (with its line).
    """
    if format_ending(path) not in READABLE:
        raise InputError(f"{path}: unknown ending; RDF is read from {', '.join(READABLE)} (+ .gz)")
    with _open(path) as file:
        try:
            return _frame(_rows(file, path), _SCHEMA)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise InputError(f"{path}: damaged gzip file: {error}") from error


def labels(frame: pl.DataFrame) -> dict[str, str]:
    """What people call the entities: entity → label, from the literals of :func:`read_rdf`'s frame.

    Where an entity has several, the relation that stands first in :data:`LABEL_RELATIONS` wins, then
    file order.
    """
    rank = pl.col("relation").replace_strict(
        list(LABEL_RELATIONS), list(range(len(LABEL_RELATIONS))), default=None, return_dtype=pl.Int32
    )
    best = (
        frame.filter(pl.col("tail_is_literal"))
        .with_columns(rank=rank)
        .drop_nulls("rank")
        .sort("rank", maintain_order=True)
        .unique("head", keep="first", maintain_order=True)
    )
    return dict(zip(best["head"].to_list(), best["tail"].to_list(), strict=True))


def write_rdf(triples: pl.DataFrame, path: Path) -> None:
    """Write triples as Turtle (``.ttl``) or N-Triples (``.nt``).

    RDF is a set: duplicates are written once and the order is not kept.

    Args:
        triples: ``head, relation, tail`` and, where known, ``tail_is_literal``.
        path: where to; its folder is made, and nothing half-written is left under this name.

    Raises:
        InputError: unknown ending.
    """
    from rdflib import Graph, Literal, URIRef

    class FullNames(Graph):
        """Without made-up prefixes: rdflib cuts them even within ``%20``, which nothing can read."""

        def compute_qname(self, uri: str, generate: bool = True) -> tuple[str, URIRef, str]:
            return super().compute_qname(uri, generate=False)

    if path.suffix.lower() not in WRITABLE:
        raise InputError(f"{path}: unknown ending; RDF is written to {' or '.join(WRITABLE)}")
    if "tail_is_literal" not in triples.columns:
        triples = triples.with_columns(tail_is_literal=pl.lit(False))
    graph = FullNames(bind_namespaces="none")
    for head, relation, tail, is_literal in triples.select(list(_SCHEMA)).iter_rows():
        tail_term = Literal(tail) if is_literal else URIRef(_to_iri(tail))
        graph.add((URIRef(_to_iri(head)), URIRef(_to_iri(relation)), tail_term))
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        graph.serialize(temporary, format=WRITABLE[path.suffix.lower()], encoding="utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def read_tsv_triples(path: Path) -> pl.DataFrame:
    """Read ``head<TAB>relation<TAB>tail`` lines, with or without a first line of those three words.

    Returns:
        ``head, relation, tail`` in file order; blank lines are passed over.

    Raises:
        InputError: missing file, a line without exactly three names, or bytes that are no UTF-8.
    """
    with _open(path) as file:
        return _frame(_tsv_rows(file, path), dict.fromkeys(_HEADER, pl.String))


def _open(path: Path) -> IO[bytes]:
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    return cast(IO[bytes], gzip.open(path, "rb")) if path.suffix == ".gz" else path.open("rb")


def _tsv_rows(file: IO[bytes], path: Path) -> Iterator[tuple[str, ...]]:
    is_first = True
    for number, line in enumerate(file, start=1):
        try:
            names = line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n").split("\t")
        except UnicodeDecodeError as error:
            raise InputError(f"{path}, line {number}: not UTF-8 text") from error
        is_header = is_first and [name.lower() for name in names] == _HEADER
        if is_header or names == [""]:
            is_first = is_first and not is_header
            continue
        if len(names) != 3 or not all(names):
            found = sum(map(bool, names))
            raise InputError(
                f"{path}, line {number}: {found} names, expected three: head<TAB>relation<TAB>tail"
            )
        is_first = False
        yield tuple(names)


def _frame(rows: Iterable[tuple[str | bool, ...]], schema: Mapping[str, type[pl.DataType]]) -> pl.DataFrame:
    """A frame built in chunks, so that few Python strings live at once."""
    chunks = [pl.DataFrame(schema=schema)]
    iterator = iter(rows)
    while chunk := list(islice(iterator, _CHUNK_ROWS)):
        chunks.append(pl.DataFrame([list(column) for column in zip(*chunk, strict=True)], schema=schema))
    return pl.concat(chunks)


def _rows(file: IO[bytes], path: Path) -> Iterator[tuple[str, str, str, bool]]:
    from pyoxigraph import BlankNode, Literal, RdfFormat, Triple, parse

    numbers: dict[str, int] = {}

    def name(node: Any) -> str:
        if isinstance(node, BlankNode):
            if _GENERATED_LABEL.fullmatch(node.value):
                return f"_:[{numbers.setdefault(node.value, len(numbers) + 1)}]"
            return f"_:{node.value}"
        value: str = node.value
        return unquote(value[len(NAMESPACE) :]) if value.startswith(NAMESPACE) else value

    format_name = READABLE[format_ending(path)]
    source: Any = _CheckedXml(file) if format_name == "RDF_XML" else file
    try:
        for quad in parse(input=source, format=getattr(RdfFormat, format_name)):
            if isinstance(quad.object, Triple):
                raise InputError(f"{path}: quoted triples are not supported, found {quad.object}")
            is_literal = isinstance(quad.object, Literal)
            tail = quad.object.value if is_literal else name(quad.object)
            yield name(quad.subject), name(quad.predicate), tail, is_literal
    except expat.ExpatError as error:
        raise InputError(f"{path}, line {error.lineno}: {expat.ErrorString(error.code)}") from error
    except SyntaxError as error:
        line = error.lineno if error.lineno is not None else source.line
        raise InputError(f"{path}, line {line}: {error.msg}") from error


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


class _CheckedXml:
    """Feeds RDF/XML line by line to pyoxigraph and to expat.

    pyoxigraph tells no line in RDF/XML and takes a file that was cut off for a whole one; expat notices.

    Attributes:
        line: number of the line read last.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self.line = 0
        self._file = file
        self._checker = expat.ParserCreate()
        self._at_line_start = True

    def read(self, size: int = -1) -> bytes:
        """At most one line, empty at the end of the file."""
        piece = self._file.readline(size)
        self.line += self._at_line_start and bool(piece)
        self._at_line_start = piece.endswith(b"\n")
        self._checker.Parse(piece, not piece)
        return piece
