import numpy as np
import torch

from kgrec.kg.graph import Graph, build_graph
from kgrec.models.diagnostics import Diagnostics


def graph_of(triples: list[list[int]], interactions: list[list[int]]) -> Graph:
    return build_graph(
        num_users=1,
        num_items=2,
        num_entities=3,
        relation_names=["by", "in"],
        interactions=np.array(interactions, dtype=np.int64).reshape(-1, 2),
        triples=np.array(triples, dtype=np.int64).reshape(-1, 3),
        item_to_entity=np.array([0, 1]),
    )


def test_relations_without_an_edge_and_parts_with_nothing_to_tell_are_left_out() -> None:
    weights = torch.arange(6.0)  # by, in, interacts, and their inverses
    found = Diagnostics.of({"share": None}, weights, graph_of([[0, 1, 2]], [[0, 0]]))
    assert found.of_items == {}
    assert found.of_relations == {
        "relation_weights": [("in", 1.0), ("interacts", 2.0), ("in^-1", 4.0), ("interacts^-1", 5.0)]
    }
    assert Diagnostics.of({}, weights, graph_of([], [])) == Diagnostics()
    assert Diagnostics.of({}, None, graph_of([[0, 1, 2]], [])) == Diagnostics()
