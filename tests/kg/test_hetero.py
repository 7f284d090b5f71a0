from pathlib import Path

import numpy as np
import pytest
import torch
from torch_geometric.transforms import ToUndirected

from kgrec.errors import InputError
from kgrec.kg.graph import Graph, build_graph
from kgrec.kg.hetero import load_hetero, save_hetero, to_hetero_data


@pytest.fixture
def graph() -> Graph:
    """Users 0 and 1; items 0 (entity 1) and 1 (unlinked); entities 0 and 2 without an item."""
    return build_graph(
        num_users=2,
        num_items=2,
        num_entities=3,
        relation_names=["by", "interacts"],  # the second bears the name of the interactions
        interactions=np.array([[0, 1], [1, 0], [1, 1]]),
        triples=np.array([[1, 0, 0], [2, 0, 0], [0, 1, 1]]),
        item_to_entity=np.array([1, -1]),
    )


def test_each_relation_between_two_types_is_an_edge_type(graph: Graph) -> None:
    data = to_hetero_data(graph)
    assert {kind: data[kind].num_nodes for kind in data.node_types} == {"user": 2, "item": 2, "entity": 2}
    edges = {kind: sorted(data[kind].edge_index.T.tolist()) for kind in data.edge_types}
    assert edges == {
        ("item", "by", "entity"): [[0, 0]],
        ("entity", "by", "entity"): [[1, 0]],
        ("entity", "interacts", "item"): [[0, 0]],
        ("user", "interacts", "item"): [[0, 1], [1, 0], [1, 1]],
    }
    assert data["item"].has_kg.tolist() == [True, False]
    assert data.validate()


def test_inverses_are_pygs_own(graph: Graph) -> None:
    both = ToUndirected(merge=False)(to_hetero_data(graph))
    assert both.num_edges == graph.num_edges


def test_what_is_saved_is_loaded(graph: Graph, tmp_path: Path) -> None:
    path = tmp_path / "new" / "g.safetensors"
    data = to_hetero_data(graph)
    save_hetero(data, path)
    loaded = load_hetero(path)
    assert loaded.node_types == data.node_types
    assert set(loaded.edge_types) == set(data.edge_types)
    assert all(torch.equal(loaded[kind].edge_index, data[kind].edge_index) for kind in data.edge_types)
    assert loaded.num_nodes == data.num_nodes
    assert loaded["item"].has_kg.equal(data["item"].has_kg)
    assert [file.name for file in path.parent.iterdir()] == ["g.safetensors"]


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "g.safetensors"
    with pytest.raises(InputError, match="not a graph that `kgrec kg export` wrote"):
        load_hetero(path)
    path.write_text("text")
    with pytest.raises(InputError, match="not a graph that `kgrec kg export` wrote"):
        load_hetero(path)
