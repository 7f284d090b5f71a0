import math

import numpy as np
import pytest
import torch

from kgrec.kg.graph import Graph, build_graph
from kgrec.models.graph_view import GraphView, log_fact_counts


@pytest.fixture
def graph() -> Graph:
    """1 user (node 0), items 1, 2, 3; entities 4 with three facts, 5 with two, 6 with one, 7 with none.

    Item 3 has no fact. Entity 5 is the head of its facts, entity 4 and 6 are tails.
    """
    return build_graph(
        num_users=1,
        num_items=3,
        num_entities=7,
        relation_names=["by", "in"],
        interactions=np.array([[0, 0], [0, 2]]),
        triples=np.array([[0, 0, 3], [1, 0, 3], [1, 1, 3], [4, 0, 0], [4, 0, 1], [0, 1, 5]]),
        item_to_entity=np.array([0, 1, 2]),
    )


def links(graph: Graph, visible: torch.Tensor) -> set[tuple[int, int]]:
    """Visible pairs of nodes, the lower first; fails where a pair stands in one direction only."""
    rows = graph.edge_index[:, visible].T.tolist()
    assert sorted(rows) == sorted(row[::-1] for row in rows)
    return {(min(row), max(row)) for row in rows}


FACTS = {(1, 4), (2, 4), (1, 5), (2, 5), (1, 6)}
INTERACTIONS = {(0, 1), (0, 3)}


@pytest.mark.parametrize(
    ("min_facts", "facts"),
    [
        (1, FACTS),
        (2, FACTS - {(1, 6)}),
        (3, {(1, 4), (2, 4)}),
        (4, set()),
    ],
)
@pytest.mark.parametrize("interactions", [False, True])
def test_rare_entities_and_interactions_are_left_out(graph, interactions, min_facts, facts) -> None:
    visible = GraphView(interactions, min_facts).visible(graph)
    assert visible.shape == (graph.num_edges,)
    assert links(graph, visible) == facts | (INTERACTIONS if interactions else set())


def test_items_are_never_rare() -> None:
    """A fact between two items, each with one fact only: items are no ids of other items."""
    graph = build_graph(0, 2, 2, ["r"], np.empty((0, 2), int), np.array([[0, 0, 1]]), np.array([0, 1]))
    assert GraphView(interactions=False, min_facts=5).visible(graph).all()


def test_an_item_loses_its_rare_entity_and_keeps_its_users() -> None:
    graph = build_graph(
        3, 1, 2, ["r"], np.array([[0, 0], [1, 0], [2, 0]]), np.array([[0, 0, 1]]), np.array([0])
    )
    visible = GraphView(interactions=True, min_facts=2).visible(graph)
    assert torch.equal(visible, graph.is_interaction)


def test_facts_are_counted_in_either_direction_and_interactions_are_not(graph) -> None:
    counts = log_fact_counts(graph)
    assert counts.dtype == torch.float32
    assert counts.squeeze(1).tolist() == pytest.approx([math.log(4), math.log(4), 0.0])
