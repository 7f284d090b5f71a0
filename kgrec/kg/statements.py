"""Statements of a graph file, one after the other: the home of pyoxigraph's streaming parsers.

RDF in all its usual spellings, tab-separated triples, RecBole's ``.kg`` and KGAT's ``kg_final.txt`` come out
as the same tuples, so that whoever reads a graph need not know how it was written.
"""

import codecs
import gzip
import re
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, TypeAlias, cast
from urllib.parse import unquote
from xml.parsers import expat

from kgrec.errors import InputError

NAMESPACE = "urn:kgrec:"
READABLE = {
    ".ttl": "TURTLE",
    ".nt": "N_TRIPLES",
    ".nq": "N_QUADS",
    ".trig": "TRIG",
    ".rdf": "RDF_XML",
    ".xml": "RDF_XML",
    ".owl": "RDF_XML",
    ".jsonld": "JSON_LD",
}
"""File ending (a further ``.gz`` is understood) → pyoxigraph's name of the format."""
LISTS = (".tsv", ".kg", ".txt")
"""File endings of triples as lines: tab-separated names, RecBole's atomic file, KGAT's ``kg_final.txt``."""
DEFAULT_GRAPH = "default"
"""Name of the graph that has none, where graphs are chosen."""

Statement: TypeAlias = tuple[str, str, str, str | None, str | None]
"""Head, relation, tail, and of a literal tail the datatype and the language tag; ``None`` = has none.

The datatype tells the two kinds of tails apart: each literal has one, no entity does.
"""

_GENERATED_LABEL = re.compile(r"[0-9a-f]{16,}")
_HEADER = ["head", "relation", "tail"]
_ATOMIC_HEADER = ["head_id:token", "relation_id:token", "tail_id:token"]


class Statements:
    """The statements of one file, streamed each time that they are iterated.

    Blank nodes keep their label (``_:name``); unlabelled ones are numbered in file order (``_:[1]``, which
    no label can be), so that the same file gives the same names each time.

    Args:
        path: its ending tells the format, see :data:`READABLE` and :data:`LISTS`; ``.gz`` may follow.
        graphs: IRIs of the named graphs to read, :data:`DEFAULT_GRAPH` for the one without a name; ``None``
            = all.
        blank_prefix: put before the labels of blank nodes, to tell those of several files apart.

    Attributes:
        left_out: graph → statements of it that were passed over in the last iteration.

    Raises:
        InputError: missing file or unknown ending; on iteration: damaged gzip, text that is no UTF-8 or
            does not follow the format (with its line), a quoted triple.
    """

    def __init__(self, path: Path, graphs: Sequence[str] | None = None, blank_prefix: str = "") -> None:
        if format_ending(path) not in (*READABLE, *LISTS):
            raise InputError(
                f"{path}: unknown ending; a graph is read from {', '.join((*READABLE, *LISTS))} (+ .gz)"
            )
        if not path.is_file():
            raise InputError(f"{path}: no such file")
        self.path = path
        self.left_out: Counter[str] = Counter()
        self._graphs = None if graphs is None else frozenset(graphs)
        self._blank_prefix = blank_prefix

    def __iter__(self) -> Iterator[Statement]:
        self.left_out = Counter()
        ending = format_ending(self.path)
        with _open(self.path) as file:
            try:
                if ending in READABLE:
                    yield from self._of_rdf(file, READABLE[ending])
                elif self._graphs is None or DEFAULT_GRAPH in self._graphs:
                    yield from ((*names, None, None) for names in _list_rows(file, self.path))
                else:
                    self.left_out[DEFAULT_GRAPH] = sum(1 for _ in _list_rows(file, self.path))
            except (gzip.BadGzipFile, EOFError, zlib.error) as error:
                raise InputError(f"{self.path}: damaged gzip file: {error}") from error

    def _of_rdf(self, file: IO[bytes], format_name: str) -> Iterator[Statement]:
        from pyoxigraph import RdfFormat, parse

        if cast(Any, file).peek(3)[:3] == codecs.BOM_UTF8:
            file.read(3)
        source: Any = _CheckedXml(file) if format_name == "RDF_XML" else file
        try:
            yield from self._of_quads(parse(input=source, format=getattr(RdfFormat, format_name)))
        except expat.ExpatError as error:
            raise InputError(f"{self.path}, line {error.lineno}: {expat.ErrorString(error.code)}") from error
        except SyntaxError as error:
            line = error.lineno if error.lineno is not None else getattr(source, "line", None)
            where = f"{self.path}" if line is None else f"{self.path}, line {line}"
            message = " ".join(error.msg.split())
            if "LoadDocumentCallback" in message:
                message = "@context is an address; contexts are not fetched, put its content into the file"
            raise InputError(f"{where}: {message}") from error

    def _of_quads(self, quads: Any) -> Iterator[Statement]:
        from pyoxigraph import DefaultGraph, Literal, NamedNode, Triple

        numbers: dict[str, int] = {}
        skip = len(NAMESPACE)

        def name(node: Any) -> str:
            value: str = node.value
            if type(node) is NamedNode:
                return unquote(value[skip:]) if value.startswith(NAMESPACE) else value
            if _GENERATED_LABEL.fullmatch(value):
                value = f"[{numbers.setdefault(value, len(numbers) + 1)}]"
            return f"_:{self._blank_prefix}{value}"

        for quad in quads:
            subject, predicate, tail, graph = quad
            if self._graphs is not None:
                graph_name = DEFAULT_GRAPH if type(graph) is DefaultGraph else name(graph)
                if graph_name not in self._graphs:
                    self.left_out[graph_name] += 1
                    continue
            if type(tail) is Literal:
                yield name(subject), name(predicate), tail.value, tail.datatype.value, _language(tail)
            elif type(tail) is Triple:
                raise InputError(f"{self.path}: quoted triples are not supported, found {tail}")
            else:
                yield name(subject), name(predicate), name(tail), None, None


def format_ending(path: Path) -> str:
    """The ending that tells the format: ``.ttl`` for ``films.ttl`` and for ``films.ttl.gz``."""
    return (path.with_suffix("") if path.suffix == ".gz" else path).suffix.lower()


def _open(path: Path) -> IO[bytes]:
    return cast(IO[bytes], gzip.open(path, "rb")) if path.suffix == ".gz" else path.open("rb")


def _list_rows(file: IO[bytes], path: Path) -> Iterator[tuple[str, str, str]]:
    """Head, relation, tail of each line; blank lines are passed over.

    ``.txt`` has three whole numbers between blanks, as KGAT writes them; ``.kg`` RecBole's typed header;
    all else three names between tabs, with or without a first line of ``head relation tail``.
    """
    ending = format_ending(path)
    is_first = True
    for number, line in enumerate(file, start=1):
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise InputError(f"{path}, line {number}: not UTF-8 text") from error
        if not (text.strip() if ending == ".txt" else text):
            continue
        if is_first and ending != ".txt":
            is_first = False
            if _is_header(text.split("\t"), ending, path, number):
                continue
        yield _three(text, ending, f"{path}, line {number}")


def _is_header(names: list[str], ending: str, path: Path, number: int) -> bool:
    if ending == ".kg" and names != _ATOMIC_HEADER:
        raise InputError(f"{path}, line {number}: found {names}, expected the header {_ATOMIC_HEADER}")
    return ending == ".kg" or [name.lower() for name in names] == _HEADER


def _three(text: str, ending: str, where: str) -> tuple[str, str, str]:
    if ending == ".txt":
        names = text.split()
        if len(names) != 3 or not all(name.isascii() and name.isdigit() for name in names):
            raise InputError(
                f"{where}: found {text[:60]!r}, expected three whole numbers: head relation tail"
            )
        return str(int(names[0])), str(int(names[1])), str(int(names[2]))
    names = text.split("\t")
    if len(names) != 3 or not all(names):
        found = sum(map(bool, names))
        raise InputError(f"{where}: {found} names, expected three: head<TAB>relation<TAB>tail")
    return names[0], names[1], names[2]


def _language(literal: Any) -> str | None:
    """The tag with the direction of writing that RDF 1.2 may put behind it, as in ``ar--rtl``."""
    direction = getattr(literal, "direction", None)
    return literal.language if direction is None else f"{literal.language}--{direction.value}"


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
