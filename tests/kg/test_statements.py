import gzip
import random
from pathlib import Path

import pyoxigraph
import pytest

from kgrec.cli import main
from kgrec.errors import InputError
from kgrec.kg.statements import DEFAULT_GRAPH, Statements
from kgrec.kg.store import load_store

XSD = "http://www.w3.org/2001/XMLSchema#"
LANG_STRING = "http://www.w3.org/1999/02/22-rdf-syntax-ns#langString"
EXPECTED = {
    ("http://f/heat", "http://f/by", "http://f/mann", None, None),
    ("http://f/heat", "http://f/name", "Heat", LANG_STRING, "en"),
    ("http://f/heat", "http://f/year", "1995", XSD + "integer", None),
}
TURTLE = '@prefix f: <http://f/> .\nf:heat f:by f:mann ; f:name "Heat"@en ; f:year 1995 .\n'
QUADS = (
    "<http://f/heat> <http://f/by> <http://f/mann> {graph}.\n"
    '<http://f/heat> <http://f/name> "Heat"@en {graph}.\n'
    f'<http://f/heat> <http://f/year> "1995"^^<{XSD}integer> {{graph}}.\n'
)
FILES = {
    ".ttl": TURTLE,
    ".nt": QUADS.format(graph=""),
    ".nq": QUADS.format(graph="<http://g/1> "),
    ".trig": TURTLE.replace("f:heat", "<http://g/1> { f:heat") + "}\n",
    ".rdf": f"""<?xml version="1.0"?>
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:f="http://f/">
<rdf:Description rdf:about="http://f/heat">
<f:by rdf:resource="http://f/mann"/>
<f:name xml:lang="en">Heat</f:name>
<f:year rdf:datatype="{XSD}integer">1995</f:year>
</rdf:Description></rdf:RDF>
""",
    ".jsonld": """{"@context": {"f": "http://f/"}, "@id": "f:heat", "f:by": {"@id": "f:mann"},
"f:name": {"@value": "Heat", "@language": "en"}, "f:year": 1995}
""",
}


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("ending", FILES)
def test_every_spelling_of_rdf_says_the_same(tmp_path: Path, ending: str, zipped: bool) -> None:
    path = tmp_path / f"films{ending}{'.gz' if zipped else ''}"
    path.write_bytes(gzip.compress(FILES[ending].encode()) if zipped else FILES[ending].encode())
    statements = Statements(path)
    assert set(statements) == EXPECTED
    assert len(list(statements)) == 3  # iterated once more, from the start
    assert not statements.left_out


@pytest.mark.parametrize("ending", FILES)
def test_a_byte_order_mark_is_no_content(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"films{ending}"
    path.write_text(FILES[ending], encoding="utf-8-sig")
    assert set(Statements(path)) == EXPECTED


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("kg.tsv", "head\trelation\ttail\n1\t0\t2\n\n3\t1\t2\n"),
        ("ml.kg", "head_id:token\trelation_id:token\ttail_id:token\n1\t0\t2\n3\t1\t2\n"),
        ("kg_final.txt", "1 0 2\n3\t1 2\r\n"),
    ],
)
def test_triples_as_lines(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    (tmp_path / f"{name}.gz").write_bytes(gzip.compress(content.encode()))
    for file in (name, f"{name}.gz"):
        assert list(Statements(tmp_path / file)) == [
            ("1", "0", "2", None, None),
            ("3", "1", "2", None, None),
        ]


def test_named_graphs_are_chosen_and_the_others_counted(tmp_path: Path) -> None:
    path = tmp_path / "films.trig"
    path.write_text(
        "@prefix f: <http://f/> .\nf:a f:p f:b .\n<http://g/1> { f:a f:p f:c . }\n"
        "<http://g/2> { f:a f:p f:d , f:e . }\n"
    )

    def tails(graphs: list[str] | None) -> set[str]:
        return {tail.removeprefix("http://f/") for _, _, tail, _, _ in Statements(path, graphs)}

    assert tails(None) == {"b", "c", "d", "e"}
    assert tails([DEFAULT_GRAPH]) == {"b"}
    assert tails(["http://g/1", DEFAULT_GRAPH]) == {"b", "c"}
    chosen = Statements(path, ["http://g/1"])
    assert len(list(chosen)) == 1
    assert chosen.left_out == {DEFAULT_GRAPH: 1, "http://g/2": 2}


def test_direction_of_writing_stays_with_the_language(tmp_path: Path) -> None:
    path = tmp_path / "a.nt"
    path.write_text('<http://f/a> <http://f/p> "x"@ar--rtl .\n')
    assert [language for *_, language in Statements(path)] == ["ar--rtl"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.nt", b'<http://f/a> <http://f/p> "x" .\n<http://f/a> oops .\n', "a.nt, line 2: "),
        ("a.nq", b'<http://f/a> <http://f/p> "\xff" .\n', "a.nq, line 1: .*UTF-8"),
        ("a.ttl", b"<http://f/a> x:p <http://f/b> .", "a.ttl, line 1: .*prefix x: has not been declared"),
        ("a.trig", b"<http://g/1> { <http://f/a> <http://f/p> 1 ", "a.trig, line 1: .*end"),
        ("a.jsonld", b'{"@id": "http://f/a",\n"http://f/p": ', "a.jsonld, line 2: .*end"),
        ("a.jsonld", b'{"@context": "https://schema.org/", "name": "x"}', "contexts are not fetched"),
        ("a.kg", b"head\trelation\ttail\n", "a.kg, line 1: found .*expected the header"),
        ("a.txt", b"1 2 3\n1 2 x\n", "a.txt, line 2: found '1 2 x', expected three whole numbers"),
        ("a.txt", b"1 2 3 4\n", "a.txt, line 1: found '1 2 3 4'"),
        ("a.tsv", b"a\tb\tc\n\t\t\n", "a.tsv, line 2: 0 names"),
        ("a.nt.gz", b"no gzip", r"a\.nt\.gz: damaged gzip file"),
    ],
)
def test_bad_files_give_one_line(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message) as raised:
        list(Statements(tmp_path / name))
    assert "\n" not in str(raised.value)


def test_unknown_ending_and_missing_file_are_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.docx: unknown ending; a graph is read from \.ttl, \.nt"):
        Statements(tmp_path / "a.docx")
    with pytest.raises(InputError, match=r"a\.nt: no such file"):
        Statements(tmp_path / "a.nt")


LINES = {
    ".tsv": "".join(f"é{n}\tr{n % 2}\tt{n}\n" for n in range(5)),
    ".kg": "head_id:token\trelation_id:token\ttail_id:token\n1\t0\t2\n3\t1\t2\n",
    ".txt": "1 0 2\n3 1 2\n",
}


def mutated(content: bytes, drawn: random.Random) -> bytes:
    """The content with one to three pieces cut out, repeated, moved or overwritten."""
    pieces = bytearray(content)
    for _ in range(drawn.randint(1, 3)):
        start = drawn.randrange(len(pieces) + 1)
        stop = min(len(pieces), start + drawn.choice((1, 2, 5, 40)))
        piece = bytes(pieces[start:stop])
        noise = bytes(drawn.choice(b'<>"\\\n\t .@^_:{}[]#\xff\xc3\x00a1') for _ in range(drawn.randint(1, 4)))
        pieces[start:stop] = drawn.choice((b"", piece * 2, noise, noise + piece, piece[::-1]))
    return bytes(pieces)


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("ending", [*FILES, *LINES])
def test_damaged_files_are_read_whole_or_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], ending: str, zipped: bool
) -> None:
    drawn = random.Random(f"{ending} {zipped}")
    content = (FILES | LINES)[ending].encode()
    path, out = tmp_path / f"f{ending}{'.gz' if zipped else ''}", tmp_path / "f.npz"
    codes = []
    for _ in range(60 if zipped else 150):
        damaged = mutated(gzip.compress(content, mtime=0) if zipped else content, drawn)
        path.write_bytes(damaged)
        codes.append(main(["kg", "convert", str(path), str(out)]))
        captured = capsys.readouterr()
        assert codes[-1] in (0, 2), captured.err
        if codes[-1] == 2:
            assert captured.err.count("\n") == 1, captured.err
            assert not out.exists()
            continue
        store = load_store(out)
        out.unlink()
        kept = len(store.triples) + len(store.literals)
        assert f"{kept:,} statements" in captured.out
        if not zipped:
            assert kept == statements_in(damaged, ending)
    assert 2 in codes
    assert zipped or 0 in codes


def statements_in(content: bytes, ending: str) -> int:
    """Counted without kgrec: lines where a line is a statement, else by the parser alone."""
    if ending in LINES:
        lines = [line for line in content.decode("utf-8-sig").split("\n") if line.strip(" \t")]
        return len(lines) - (ending == ".kg")
    if ending in (".nt", ".nq"):
        lines = [line.strip(" \t\r") for line in content.decode("utf-8-sig").split("\n")]
        return sum(bool(line) and not line.startswith("#") for line in lines)
    formats = {".ttl": "TURTLE", ".trig": "TRIG", ".rdf": "RDF_XML", ".jsonld": "JSON_LD"}
    return sum(1 for _ in pyoxigraph.parse(content, format=getattr(pyoxigraph.RdfFormat, formats[ending])))
