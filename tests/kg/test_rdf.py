import gzip
from pathlib import Path

import polars as pl
import pytest

from kgrec.errors import InputError
from kgrec.kg import rdf
from kgrec.kg.rdf import read_statements, write_rdf

TURTLE = """@prefix f: <http://films/> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
f:heat f:director f:mann ;
    rdfs:label "Heat"@en ;
    f:year 1995 .
"""
RDF_XML_HEAD = """<?xml version="1.0"?>
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
 xmlns:f="http://films/">
"""
RDF_XML = (
    RDF_XML_HEAD
    + """<rdf:Description rdf:about="http://films/heat">
<f:director rdf:resource="http://films/mann"/>
<f:year>1995</f:year>
</rdf:Description>
</rdf:RDF>
"""
)
NASTY_NAMES = [
    "m.08gjyx", "Tom Hanks", "", "a/b#c?d%20e", "urn:kgrec:x", "_:b0", "http://x/é", "http://x/a b", "C:\\x",
    "Zoë\t日本", '"<>{}|^`', "12", "a:b", "line\nbreak", "urn:x:%41", "http://x/a#b", "ns1:x",
    "rdf:type", "http://x/1.", "p:a.b-c~(d)",
]  # fmt: skip


def read_rdf(path: Path) -> pl.DataFrame:
    """``head, relation, tail, tail_is_literal``, as they are written."""
    frame = read_statements(path)
    return frame.select("head", "relation", "tail", tail_is_literal=pl.col("datatype").is_not_null())


def test_turtle_with_literals_flagged(tmp_path: Path) -> None:
    path = tmp_path / "films.ttl"
    path.write_text(TURTLE)
    frame = read_rdf(path)
    assert frame.rows() == [
        ("http://films/heat", "http://films/director", "http://films/mann", False),
        ("http://films/heat", "http://www.w3.org/2000/01/rdf-schema#label", "Heat", True),
        ("http://films/heat", "http://films/year", "1995", True),
    ]
    assert frame.schema == {
        "head": pl.String,
        "relation": pl.String,
        "tail": pl.String,
        "tail_is_literal": pl.Boolean,
    }


def test_the_same_triples_in_every_format(tmp_path: Path) -> None:
    ntriples = (
        "<http://films/heat> <http://films/director> <http://films/mann> .\n"
        '<http://films/heat> <http://films/year> "1995" .\n'
    )
    turtle = TURTLE.replace('    rdfs:label "Heat"@en ;\n', "")
    frames = []
    for ending, text in (
        (".nt", ntriples),
        (".ttl", turtle),
        (".rdf", RDF_XML),
        (".xml", RDF_XML),
        (".owl", RDF_XML),
    ):
        plain, zipped = tmp_path / f"films{ending}", tmp_path / f"films{ending}.gz"
        plain.write_text(text)
        zipped.write_bytes(gzip.compress(text.encode()))
        frames += [read_rdf(plain), read_rdf(zipped)]
    assert len(frames) == 10
    for frame in frames[1:]:
        assert frame.equals(frames[0])


def test_reading_in_chunks_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "films.ttl"
    path.write_text(TURTLE)
    whole = read_rdf(path)
    for rows in (1, 2, 3):
        monkeypatch.setattr(rdf, "_CHUNK_ROWS", rows)
        assert read_rdf(path).equals(whole)


def test_empty_file_is_an_empty_graph(tmp_path: Path) -> None:
    path = tmp_path / "none.nt"
    path.write_text("")
    assert read_rdf(path).shape == (0, 4)


def test_blank_nodes_have_the_same_names_each_time(tmp_path: Path) -> None:
    path = tmp_path / "blank.ttl"
    path.write_text("<a:x> <a:p> [ <a:q> [ <a:q> <a:y> ] ], _:known .\n")
    first, second = read_rdf(path), read_rdf(path)
    assert first.equals(second)
    ends = set(first["head"]) | set(first["tail"])
    assert ends == {"a:x", "a:y", "_:known", "_:[1]", "_:[2]"}


@pytest.mark.parametrize(
    ("ending", "text", "line"),
    [
        (".ttl", "<a:a> <a:b> <a:c> .\n<a:a> <a:b> oops .\n", 2),
        (".nt", '<a:a> <a:b> <a:c> .\n\n<a:a> <a:b> "open .\n', 3),
        (".ttl", "<a:a> <a:b> <relative> .\n", 1),
        (".rdf", RDF_XML.replace("</f:year>", "</f:yeah>"), 6),
        (".rdf", RDF_XML.replace("</rdf:RDF>\n", ""), 8),  # cut off: the line after the last
        (".rdf", RDF_XML.replace('about="http://films/heat"', 'about="http://films/he at"'), 4),
        (".rdf", RDF_XML.replace("f:director", "g:director"), 5),
    ],
)
def test_malformed_rdf_names_file_and_line(tmp_path: Path, ending: str, text: str, line: int) -> None:
    path = tmp_path / f"bad{ending}"
    path.write_text(text)
    with pytest.raises(InputError) as raised:
        read_rdf(path)
    assert str(raised.value).startswith(f"{path}, line {line}: ")
    assert "\n" not in str(raised.value)


def test_line_is_right_where_xml_lines_are_long(tmp_path: Path) -> None:
    path = tmp_path / "long.rdf"
    path.write_text(
        RDF_XML_HEAD + f"<!-- {'x' * 100_000} -->\n<rdf:Description rdf:about='a b'/>\n</rdf:RDF>\n"
    )
    with pytest.raises(InputError, match="line 5: "):
        read_rdf(path)


def test_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"missing\.ttl: no such file"):
        read_rdf(tmp_path / "missing.ttl")
    with pytest.raises(InputError, match=r"films\.docx: unknown ending; a graph is read from \.ttl, \.nt"):
        read_rdf(tmp_path / "films.docx")
    for content in (b"no gzip", gzip.compress(TURTLE.encode() * 50)[:-20]):
        (tmp_path / "bad.ttl.gz").write_bytes(content)
        with pytest.raises(InputError, match=r"bad\.ttl\.gz: damaged gzip file"):
            read_rdf(tmp_path / "bad.ttl.gz")


def test_quoted_triples_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "star.ttl"
    path.write_text("<a:a> <a:b> <<( <a:a> <a:b> <a:c> )>> .\n")
    with pytest.raises(InputError, match="quoted triples are not supported"):
        read_rdf(path)


@pytest.mark.parametrize("ending", [".ttl", ".nt"])
def test_names_survive_a_round_trip(tmp_path: Path, ending: str) -> None:
    rows = [(head, f"rel {tail}", tail) for head in NASTY_NAMES for tail in reversed(NASTY_NAMES)]
    rows += [("x", name, "y") for name in NASTY_NAMES]
    triples = pl.DataFrame(rows, schema=["head", "relation", "tail"], orient="row")
    path = tmp_path / "new" / f"graph{ending}"
    write_rdf(triples, path)
    back = read_rdf(path)
    assert set(back.select("head", "relation", "tail").rows()) == set(rows)
    assert len(back) == len(rows)
    assert not back["tail_is_literal"].any()
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("ending", [".ttl", ".nt"])
def test_literals_survive_a_round_trip(tmp_path: Path, ending: str) -> None:
    texts = [
        "Heat",
        "",
        'quote " and \\',
        "two\nlines",
        "tab\tand\rreturn",
        "日本 é",
        "urn:kgrec:x",
        "1.50",
        "'''",
    ]
    triples = pl.DataFrame(
        {"head": "m.1", "relation": "label", "tail": texts, "tail_is_literal": True}
    ).vstack(
        pl.DataFrame({"head": ["m.1"], "relation": ["label"], "tail": ["Heat"], "tail_is_literal": [False]})
    )
    path = tmp_path / f"labels{ending}"
    write_rdf(triples, path)
    assert set(read_rdf(path).rows()) == set(triples.rows())


def test_names_that_are_iris_are_written_as_such(tmp_path: Path) -> None:
    path = tmp_path / "graph.nt"
    write_rdf(pl.DataFrame({"head": ["http://x/a"], "relation": ["by"], "tail": ["Tom Hanks"]}), path)
    assert path.read_text().strip() == "<http://x/a> <urn:kgrec:by> <urn:kgrec:Tom%20Hanks> ."


def test_write_refuses_unknown_endings(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"graph\.csv: unknown ending; RDF is written to \.ttl or \.nt"):
        write_rdf(pl.DataFrame(schema=["head", "relation", "tail"]), tmp_path / "graph.csv")


@pytest.mark.parametrize("header", ["", "head\trelation\ttail\n", "\ufeffHead\tRelation\tTail\r\n"])
def test_tsv_triples_with_and_without_header(tmp_path: Path, header: str) -> None:
    path = tmp_path / "kg.tsv"
    path.write_bytes(f'{header}m.1\tby\tTom "T" Hanks\r\n\nhead\trelation\ttail\n'.encode())
    frame = read_statements(path)
    assert frame.select("head", "relation", "tail").rows() == [
        ("m.1", "by", 'Tom "T" Hanks'),
        ("head", "relation", "tail"),
    ]
    assert frame["datatype"].is_null().all()
    zipped = tmp_path / "kg.tsv.gz"
    zipped.write_bytes(gzip.compress(path.read_bytes()))
    assert read_statements(zipped).equals(frame)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a\tb\tc\na b c\n", "line 2: 1 names, expected three: head<TAB>relation<TAB>tail"),
        (b"a\tb\tc\n\na\t\tc\n", "line 3: 2 names, expected three"),
        (b"a\tb\tc\td\n", "line 1: 4 names, expected three"),
        (b"a\tb\tc\na\tb\t\xff\n", "line 2: not UTF-8 text"),
    ],
)
def test_malformed_tsv_triples_name_the_line(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "kg.tsv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_statements(path)
