from pathlib import Path

import networkx as nx
import numpy as np
import pytest

from kgrec.errors import InputError
from kgrec.kg.graphml import write_graphml


def test_another_reader_finds_the_graph(tmp_path: Path) -> None:
    path = tmp_path / "new" / "g.graphml"
    triples = np.array([[0, 0, 1], [0, 1, 1], [0, 0, 1], [1, 1, 1]])
    write_graphml(triples, ["heat", '<Zoë> & "co"', "alone"], ["by", "née"], {0: "Heat (1995)"}, path)
    graph = nx.read_graphml(path)
    assert graph.is_directed()
    assert graph.is_multigraph()
    assert dict(graph.nodes(data=True)) == {
        "0": {"name": "heat", "title": "Heat (1995)"},
        "1": {"name": '<Zoë> & "co"'},
        "2": {"name": "alone"},
    }
    edges = [(head, data["relation"], tail) for head, tail, data in graph.edges(data=True)]
    assert sorted(edges) == [("0", "by", "1"), ("0", "by", "1"), ("0", "née", "1"), ("1", "née", "1")]
    assert [file.name for file in path.parent.iterdir()] == ["g.graphml"]


@pytest.mark.parametrize("name", ["a\x00b", "\x1f", "\uffff"])
def test_what_xml_cannot_write_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="has a character that GraphML cannot hold"):
        write_graphml(np.array([[0, 0, 0]]), [name], ["by"], {}, tmp_path / "g.graphml")
    assert list(tmp_path.iterdir()) == []
