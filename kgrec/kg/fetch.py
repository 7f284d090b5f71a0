"""A graph brought page by page from a SPARQL endpoint; an interrupted fetch goes on where it stopped."""

import hashlib
import json
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from kgrec.errors import InputError
from kgrec.kg.statements import Statements

IDS = "%IDS%"
"""In a query, the place of the ids of one page."""
ID_RELATION = "has-id"
"""Relation (``urn:kgrec:has-id``) by which a recipe joins an entity to the id that it was found by."""
RECIPES = Path(__file__).parent / "recipes"

_SKIPPED = re.compile(r"""<[^<>"{}|^`\\\s]*>|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|\#[^\n]*""")
_VARIABLE = re.compile(r"[?$](\w+)")


class Endpoint(Protocol):
    """What answers queries, see :class:`kgrec.kg.sparql_client.SparqlClient`."""

    endpoint: str

    def construct(self, query: str) -> list[str]:
        """Lines of N-Triples."""
        ...


@dataclass(frozen=True)
class Fetched:
    """Triples and pages written, those of an earlier, interrupted fetch included."""

    triples: int
    pages: int


def find_query(name: str) -> str:
    """The query in a file, or the recipe of that name.

    Raises:
        InputError: there is neither.
    """
    for path in (Path(name), RECIPES / f"{name}.rq"):
        if path.is_file():
            try:
                return path.read_text(encoding="utf-8")
            except UnicodeDecodeError as error:
                raise InputError(f"{path}: not UTF-8 text") from error
    recipes = ", ".join(sorted(path.stem for path in RECIPES.glob("*.rq")))
    raise InputError(f"--query: no file {name}, and no recipe of that name; recipes: {recipes}")


@dataclass(frozen=True)
class Pages:
    """A query cut into pages.

    With ids, a page asks for ``size`` of them. Else it is a window of ``size`` solutions over an order by all
    variables, and the first empty answer is the last: the server must not cut answers shorter than that, and
    every solution must have a triple.

    Attributes:
        query: CONSTRUCT, with :data:`IDS` where ids go.
        ids: distinct ids; ``None`` = windows.
        size: of a page.

    Raises:
        InputError: the query and the ids do not fit, the query has a LIMIT of its own, or is no CONSTRUCT.
    """

    query: str
    ids: tuple[str, ...] | None
    size: int

    def __post_init__(self) -> None:
        if self.size < 1:
            raise InputError(f"--page is {self.size}, expected 1 or more")
        if "CONSTRUCT" not in self._words():
            raise InputError("the query is no CONSTRUCT; triples are needed, not a table")
        if (IDS in self.query) != (self.ids is not None):
            place = f"{'a' if IDS in self.query else 'no'} place {IDS} for ids"
            given = "no --ids are given" if self.ids is None else "there are --ids"
            raise InputError(f"the query has {place}, but {given}")
        if self.ids is None and self._words() & {"LIMIT", "OFFSET"}:
            raise InputError("the query has a LIMIT or OFFSET of its own; leave it out and choose --page")

    def at(self, page: int) -> str | None:
        """The query of a page; ``None`` behind the last one."""
        start = page * self.size
        if self.ids is None:
            names = dict.fromkeys(_VARIABLE.findall(_SKIPPED.sub(" ", self.query)))
            order = "" if "ORDER" in self._words() else "ORDER BY " + " ".join(f"?{name}" for name in names)
            return f"{self.query}\n{order}\nLIMIT {self.size} OFFSET {start}"
        ids = self.ids[start : start + self.size]
        return self.query.replace(IDS, " ".join(map(_quoted, ids))) if ids else None

    def digest(self) -> str:
        """Of all that decides what the pages are."""
        return hashlib.sha256(repr((self.query, self.ids, self.size)).encode()).hexdigest()

    def _words(self) -> set[str]:
        """Words of the query in capitals: no variables, prefixes, addresses, strings or comments."""
        bare = _SKIPPED.sub(" ", self.query)
        return {word.upper() for word in re.findall(r"(?<![?$:\w])[A-Za-z]+\b(?!:)", bare)}


def fetch(
    client: Endpoint,
    pages: Pages,
    out: Path,
    on_page: Callable[[int, int], None] = lambda pages, triples: None,
) -> Fetched:
    """Bring all pages to ``out`` (.nt).

    Until the last page is there, what has come lies in ``<out>.part`` and how far it goes in
    ``<out>.state.json``; the same fetch started again goes on from there. Triples of several pages may
    repeat one another; blank nodes are new ones in each page.

    Args:
        client: answers queries.
        pages: the query.
        out: N-Triples file.
        on_page: told the pages and triples so far.

    Raises:
        InputError: ``out`` is no .nt, an answer is bad, or a fetch of something else was interrupted here.
    """
    if out.suffix != ".nt":
        raise InputError(f"{out}: unknown ending; N-Triples are written to .nt")
    out.parent.mkdir(parents=True, exist_ok=True)
    state = _State(out, f"{client.endpoint} {pages.digest()}")
    while (query := pages.at(state.pages)) is not None:
        lines = client.construct(query)
        if not lines and pages.ids is None:
            break
        state.add(lines)
        on_page(state.pages, state.triples)
    if not state.triples:
        state.drop()
        raise InputError(f"{client.endpoint}: the query has no triples as its answer")
    state.finish()
    return Fetched(state.triples, state.pages)


def links_of(path: Path, ids: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Item and entity, for items whose id an entity of a fetched file :data:`ID_RELATION` has; the first one.

    Args:
        path: N-Triples file.
        ids: item, and its id at the endpoint.
    """
    found: dict[str, str] = {}
    for head, relation, tail, datatype, _ in Statements(path):
        if relation == ID_RELATION and datatype is not None:
            found.setdefault(tail, head)
    return [(item, found[name]) for item, name in ids if name in found]


class _State:
    """How far a fetch has come, on disk after each page."""

    def __init__(self, out: Path, what: str) -> None:
        self.pages = self.triples = self._bytes = 0
        self._out, self._what = out, what
        self._part, self._file = (out.with_name(out.name + ending) for ending in (".part", ".state.json"))
        if self._file.is_file():
            self._read()

    def add(self, lines: Sequence[str]) -> None:
        """Append one page, whole: what a crash leaves behind the last state is cut off at the next start."""
        data = "".join(lines).encode()
        with self._part.open("r+b" if self._part.exists() else "wb") as file:
            file.seek(self._bytes)
            file.truncate()
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        self.pages += 1
        self.triples += len(lines)
        self._bytes += len(data)
        temporary = self._file.with_name(self._file.name + ".tmp")
        content = {"what": self._what, "pages": self.pages, "triples": self.triples, "bytes": self._bytes}
        temporary.write_text(json.dumps(content))
        temporary.replace(self._file)

    def finish(self) -> None:
        """Give the file its name."""
        with self._part.open("r+b") as file:
            file.truncate(self._bytes)
        self._part.replace(self._out)
        self._file.unlink(missing_ok=True)

    def drop(self) -> None:
        """Leave nothing."""
        self._part.unlink(missing_ok=True)
        self._file.unlink(missing_ok=True)

    def _read(self) -> None:
        advice = f"delete {self._file} to begin anew"
        try:
            content = json.loads(self._file.read_bytes())
            what = content["what"]
            self.pages, self.triples, self._bytes = (content[key] for key in ("pages", "triples", "bytes"))
            whole = self._part.stat().st_size >= self._bytes
        except (ValueError, KeyError, TypeError, FileNotFoundError) as error:
            raise InputError(f"{self._file}: not the state of a fetch; {advice}") from error
        if what != self._what or not whole:
            raise InputError(f"{self._file}: of another endpoint, query or page size; {advice}")


def _quoted(name: str) -> str:
    """An id as a string of SPARQL."""
    if any(ord(character) < 32 for character in name):
        raise InputError(f"--ids: found {name!r}, expected ids without control characters")
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
