import importlib.util
import sys
from pathlib import Path

import pytest

from kgrec.errors import InputError
from kgrec.kg.shacl import violations

SHAPES = """\
@prefix sh: <http://www.w3.org/ns/shacl#> . @prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
@prefix x: <http://x.org/> .
x:FilmShape a sh:NodeShape ; sh:targetSubjectsOf x:director ;
  sh:property [ sh:path x:year ; sh:minCount 1 ; sh:datatype xsd:integer ; sh:message "needs a year" ] .
"""
GRAPH = """\
@prefix x: <http://x.org/> .
x:heat x:director x:mann ; x:year 1995 . x:ali x:director x:mann ; x:year "no" . x:bare x:director x:mann .
"""

needs_pyshacl = pytest.mark.skipif(
    importlib.util.find_spec("pyshacl") is None, reason="pyshacl is not installed"
)


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    (tmp_path / "shapes.ttl").write_text(SHAPES)
    (tmp_path / "graph.ttl").write_text(GRAPH)
    return tmp_path / "graph.ttl"


@needs_pyshacl
def test_violations_name_node_path_and_message(graph: Path) -> None:
    assert violations(graph, graph.with_name("shapes.ttl")) == [
        "http://x.org/ali, http://x.org/year: needs a year",
        "http://x.org/bare, http://x.org/year: needs a year",
    ]
    graph.write_text(GRAPH.partition(" x:ali")[0])
    assert violations(graph, graph.with_name("shapes.ttl")) == []


@needs_pyshacl
@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("shapes.ttl", None, "shapes.ttl: no such file"),
        ("shapes.ttl.gz", "", "unknown ending; SHACL reads .ttl"),
        ("shapes.ttl", "@prefix broken", r"shapes.ttl, line 1: "),
        ("shapes.ttl", SHAPES.replace("sh:path x:year ;", ""), "shapes.ttl: "),
    ],
)
def test_bad_shapes_are_told_in_one_line(graph: Path, name: str, content: str | None, message: str) -> None:
    shapes = graph.with_name(name)
    shapes.unlink(missing_ok=True)
    if content is not None:
        shapes.write_text(content)
    with pytest.raises(InputError, match=message) as caught:
        violations(graph, shapes)
    assert "\n" not in str(caught.value)


def test_without_pyshacl_it_says_what_to_install(graph: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyshacl", None)
    with pytest.raises(InputError, match="pip install pyshacl"):
        violations(graph, graph.with_name("shapes.ttl"))
