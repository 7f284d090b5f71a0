"""Fetching from SPARQL endpoints on this machine: Oxigraph's own server where there is one, and one here."""

import contextlib
import json
import shutil
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

import polars as pl
import pytest
from pyoxigraph import RdfFormat, Store

from kgrec.cli import main
from kgrec.errors import InputError
from kgrec.kg.fetch import RECIPES, Pages, fetch, find_query
from kgrec.kg.sparql_client import SparqlClient
from kgrec.kg.statements import Statements

ALL = "CONSTRUCT { ?s ?p ?o } WHERE { ?s ?p ?o } # all\n"
DATA = "".join(
    f'<http://f/{n}> <http://f/by> <http://f/director{n % 3}> ; <http://f/name> "Film {n}"@en .\n'
    for n in range(20)
)
Answer = tuple[int, str, bytes]
Trouble = Callable[[int], Answer | None]


class Server:
    """A SPARQL endpoint over a store; ``trouble`` may answer the n-th request in its place."""

    def __init__(self, data: str) -> None:
        self.store = Store()
        self.store.load(data, RdfFormat.TURTLE)
        self.queries: list[str] = []
        self.trouble: Trouble = lambda number: None
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                outer.queries.append(parse_qs(body)["query"][0])
                status, kind, content = outer.answer()
                with contextlib.suppress(BrokenPipeError):  # a client that waits no longer
                    self.send_response(status)
                    self.send_header("Content-Type", kind)
                    self.send_header("Content-Length", str(len(content)))
                    self.end_headers()
                    self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/query"
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()

    def answer(self) -> Answer:
        trouble = self.trouble(len(self.queries))
        if trouble is not None:
            return trouble
        try:
            triples = self.store.query(self.queries[-1])
        except SyntaxError as error:
            return 400, "text/plain", str(error).encode()
        return 200, "application/n-triples", triples.serialize(format=RdfFormat.N_TRIPLES) or b""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    running = Server(DATA)
    yield running
    running.http.shutdown()
    running.http.server_close()


def client(server: Server, **changed: float) -> SparqlClient:
    settings = {"timeout_s": 5.0, "tries": 3, "wait_s": 0.0, **changed}
    return SparqlClient(server.url, **settings)  # type: ignore[arg-type]


def graph(path: Path) -> set[tuple[str | None, ...]]:
    return set(Statements(path))


@pytest.fixture
def expected(tmp_path: Path) -> set[tuple[str | None, ...]]:
    path = tmp_path / "expected" / "data.ttl"
    path.parent.mkdir()
    path.write_text(DATA)
    return graph(path)


@pytest.mark.parametrize("page", [1, 7, 10, 1000])
def test_all_pages_together_are_the_graph(
    server: Server, tmp_path: Path, expected: set[tuple[str | None, ...]], page: int
) -> None:
    out = tmp_path / "new" / "out.nt"
    fetched = fetch(client(server), Pages(ALL, None, page), out)
    assert fetched.triples == 40
    assert fetched.pages == -(-40 // page)
    assert graph(out) == expected
    assert [file.name for file in out.parent.iterdir()] == ["out.nt"]


def test_oxigraphs_own_server(
    tmp_path: Path, expected: set[tuple[str | None, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    binary = shutil.which("oxigraph")
    if binary is None:
        pytest.skip("no `oxigraph` on PATH; pip install oxigraph brings it")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    running = subprocess.Popen([binary, "serve", "--bind", address], stderr=subprocess.DEVNULL)
    try:
        load = urllib.request.Request(
            f"http://{address}/store?default", DATA.encode(), {"Content-Type": "text/turtle"}, method="POST"
        )
        for _ in range(100):
            try:
                urllib.request.urlopen(load, timeout=10).close()
                break
            except OSError:
                time.sleep(0.1)
        (tmp_path / "all.rq").write_text(ALL)
        out = tmp_path / "out.nt"
        arguments = [f"http://{address}/query", str(out), "--query", str(tmp_path / "all.rq"), "--page", "9"]
        assert main(["kg", "fetch", *arguments]) == 0
        assert graph(out) == expected
        with pytest.raises(InputError, match="refused as malformed"):
            SparqlClient(f"http://{address}/query", 5, 1, 0).construct("CONSTRUCT { oops")
        with pytest.raises(InputError, match="status 404"):
            SparqlClient(f"http://{address}/nowhere", 5, 1, 0).construct(ALL)
    finally:
        running.terminate()
        running.wait(timeout=10)


def test_an_interrupted_fetch_goes_on_where_it_stopped(
    server: Server, tmp_path: Path, expected: set[tuple[str | None, ...]]
) -> None:
    out = tmp_path / "out.nt"
    server.trouble = lambda number: (404, "text/plain", b"gone") if number == 4 else None
    with pytest.raises(InputError, match="status 404 Not Found: gone"):
        fetch(client(server), Pages(ALL, None, 6), out)
    assert not out.exists()
    part = tmp_path / "out.nt.part"
    assert len(graph_lines(part)) == 18
    part.write_bytes(part.read_bytes() + b"<half a tri")  # a crash while the next page was written
    before = len(server.queries)
    assert fetch(client(server), Pages(ALL, None, 6), out).triples == 40
    assert "OFFSET 18" in server.queries[before]
    assert graph(out) == expected
    assert sorted(file.name for file in tmp_path.iterdir()) == ["expected", "out.nt"]


def graph_lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


def test_another_fetch_does_not_go_on_from_an_interrupted_one(server: Server, tmp_path: Path) -> None:
    out = tmp_path / "out.nt"
    server.trouble = lambda number: (404, "text/plain", b"") if number == 2 else None
    with pytest.raises(InputError):
        fetch(client(server), Pages(ALL, None, 6), out)
    with pytest.raises(InputError, match=r"state\.json: of another endpoint, query or page size; delete"):
        fetch(client(server), Pages(ALL, None, 7), out)
    (tmp_path / "out.nt.state.json").write_text("{")
    with pytest.raises(InputError, match=r"state\.json: not the state of a fetch; delete"):
        fetch(client(server), Pages(ALL, None, 6), out)


def test_passing_failures_are_tried_again_and_waits_grow(server: Server) -> None:
    waits: list[float] = []
    server.trouble = lambda number: (503, "text/plain", b"busy") if number < 4 else None
    patient = SparqlClient(server.url, 5.0, 4, 0.5, waits.append)
    assert len(patient.construct(ALL)) == 40
    assert waits == [0.5, 1.0, 2.0]
    server.trouble = lambda number: (429, "text/plain", b"slow\ndown")
    with pytest.raises(InputError, match="status 429: slow down; gave up after 4 tries, start the same"):
        patient.construct(ALL)


def test_a_server_that_does_not_answer(server: Server) -> None:
    def slow(number: int) -> None:
        time.sleep(0.5)

    server.trouble = slow
    with pytest.raises(
        InputError, match=r"no answer within 0.1 s; a smaller --page .* gave up after 2 tries"
    ):
        client(server, timeout_s=0.1, tries=2).construct(ALL)
    server.http.shutdown()
    server.http.server_close()
    with pytest.raises(InputError, match="cannot be reached: "):
        client(server, tries=1).construct(ALL)


@pytest.mark.parametrize(
    ("kind", "content", "message"),
    [
        ("text/html", b"<html>", "the answer is HTML instead of RDF; is this the address for queries"),
        ("application/json", b"{}", "the answer is application/json instead of RDF"),
        ("application/n-triples", b"<http://f/a> <http://f/b> ", "the answer is no application/n-triples: "),
    ],
)
def test_answers_that_are_no_rdf(server: Server, kind: str, content: bytes, message: str) -> None:
    server.trouble = lambda number: (200, kind, content)
    with pytest.raises(InputError, match=message) as raised:
        client(server).construct(ALL)
    assert "\n" not in str(raised.value)
    assert len(server.queries) == 1


def test_a_malformed_query_is_told_once(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.rq").write_text("CONSTRUCT { ?s ?p ?o WHERE")
    out = tmp_path / "out.nt"
    assert main(["kg", "fetch", server.url, str(out), "--query", str(tmp_path / "bad.rq")]) == 2
    said = capsys.readouterr().err
    assert "the query is refused as malformed: " in said
    assert said.count("\n") == 1
    assert len(server.queries) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["bad.rq"]


@pytest.mark.parametrize(
    ("query", "ids", "page", "message"),
    [
        ("SELECT * WHERE { ?s ?p ?o }", None, 5, "no CONSTRUCT"),
        (ALL + "limit 5", None, 5, "LIMIT or OFFSET of its own"),
        (ALL, ("a",), 5, "the query has no place %IDS% for ids, but there are --ids"),
        ("CONSTRUCT WHERE { %IDS% }", None, 5, "the query has a place %IDS% for ids, but no --ids"),
        (ALL, None, 0, "--page is 0"),
    ],
)
def test_queries_that_cannot_be_paged(
    query: str, ids: tuple[str, ...] | None, page: int, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        Pages(query, ids, page)


def test_words_in_strings_comments_and_names_are_no_keywords() -> None:
    prefix = "PREFIX limit: <http://limit/> # LIMIT 3\n"
    query = prefix + 'CONSTRUCT { ?limit limit:offset "ORDER BY" } WHERE { ?a ?b ?limit }'
    paged = Pages(query, None, 10).at(2)
    assert paged is not None
    assert paged.endswith("\nORDER BY ?limit ?a ?b\nLIMIT 10 OFFSET 20")


def test_ids_are_quoted() -> None:
    pages = Pages("CONSTRUCT WHERE { VALUES ?id { %IDS% } }", ('a"b', "c\\d", "e"), 2)
    assert pages.at(0) == 'CONSTRUCT WHERE { VALUES ?id { "a\\"b" "c\\\\d" } }'
    assert pages.at(1) == 'CONSTRUCT WHERE { VALUES ?id { "e" } }'
    assert pages.at(2) is None
    with pytest.raises(InputError, match="without control characters"):
        Pages("CONSTRUCT { %IDS% }", ("a\nb",), 1).at(0)


WIKIDATA = """@prefix wd: <http://www.wikidata.org/entity/> .
@prefix wdt: <http://www.wikidata.org/prop/direct/> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix dbo: <http://dbpedia.org/ontology/> .
wd:Q1 wdt:P345 "tt1" ; dbo:imdbId "tt1" ; wdt:P434 "tt1" ; wdt:P212 "tt1" ; wdt:P136 wd:Q9 ; dbo:genre wd:Q9 ;
    rdfs:label "Heat"@en , "Hitze"@de .
wd:Q2 wdt:P345 "tt2" ; dbo:imdbId "tt2" ; wdt:P436 "tt2" ; wdt:P957 "tt2" ; rdfs:label "Ali"@en .
wd:Q3 wdt:P345 "tt3" ; rdfs:label "Not asked for"@en .
wd:Q9 rdfs:label "crime film"@en .
"""


@pytest.mark.parametrize("recipe", sorted(path.stem for path in RECIPES.glob("*.rq")))
def test_recipes_find_entities_by_id_and_link_them(server: Server, tmp_path: Path, recipe: str) -> None:
    server.store.clear()
    server.store.load(WIKIDATA, RdfFormat.TURTLE)
    (tmp_path / "films.csv").write_text("item,imdb\n7,tt1\n8,tt2\n9,tt0\n7b,tt1\n")
    out, links = tmp_path / "films.nt", tmp_path / "links.csv"
    ids = ["--ids", str(tmp_path / "films.csv"), "--column", "imdb", "--links", str(links), "--page", "1"]
    assert main(["kg", "fetch", server.url, str(out), "--query", recipe, *ids]) == 0
    assert len(server.queries) == 3
    wd = "http://www.wikidata.org/entity/"
    assert pl.read_csv(links).rows() == [("7", f"{wd}Q1"), ("8", f"{wd}Q2"), ("7b", f"{wd}Q1")]
    facts = graph(out)
    assert {tail for head, _, tail, datatype, _ in facts if head == f"{wd}Q1" and datatype is None} == {
        f"{wd}Q9"
    }
    assert {"Heat", "Ali"} <= {tail for _, _, tail, _, _ in facts}
    assert not {"Hitze", "Not asked for"} & {tail for _, _, tail, _, _ in facts}


def test_a_query_is_a_file_or_a_recipe() -> None:
    assert "%IDS%" in find_query("wikidata-films")
    with pytest.raises(
        InputError, match="no file nothing, and no recipe of that name; recipes: dbpedia-films, "
    ):
        find_query("nothing")


def test_an_empty_answer_is_told(server: Server, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the query has no triples as its answer"):
        fetch(
            client(server),
            Pages("CONSTRUCT { ?s ?p ?o } WHERE { ?s ?p ?o . ?o ?q ?s }", None, 5),
            tmp_path / "o.nt",
        )
    assert list(tmp_path.iterdir()) == []


def test_the_state_says_how_far_it_is(server: Server, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []

    def look(pages: int, triples: int) -> None:
        state = json.loads((tmp_path / "out.nt.state.json").read_text())
        seen.append((state["pages"], state["triples"]))
        assert seen[-1] == (pages, triples)

    fetch(client(server), Pages(ALL, None, 15), tmp_path / "out.nt", look)
    assert seen == [(1, 15), (2, 30), (3, 40)]
