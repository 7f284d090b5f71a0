import gc
import math
import weakref
from dataclasses import replace

import numpy as np
import pytest
import torch

from kgrec.kg.graph import Graph, build_graph
from kgrec.nn.sparse import (
    adjacency,
    balanced_tfidf_norm,
    directed_halves,
    graph_structure,
    mean_norm,
    normalised_adjacency,
    relation_norm,
    symmetric_norm,
    tfidf_norm,
)

ROOT_HALF = 0.5**0.5
NORMS = [symmetric_norm, mean_norm, relation_norm, tfidf_norm, balanced_tfidf_norm]

# Edges of path_graph: 1→3, 2→3, 0→1, 3→1, 3→2, 1→0.
WITHOUT_EDGE_1 = torch.tensor([1.0, 0.0, 1.0, 1.0, 1.0, 1.0])


def test_adjacency_sends_from_source_to_target(path_graph: Graph) -> None:
    x = torch.tensor([[1.0], [2.0], [3.0], [4.0]])
    out = adjacency(path_graph, torch.ones(6)) @ x
    # 0 ← 1; 1 ← 0, 3; 2 ← 3; 3 ← 1, 2.
    assert out.squeeze(1).tolist() == [2.0, 5.0, 4.0, 5.0]


def test_symmetric_norm(path_graph: Graph) -> None:
    # 1/√(2·2), 1/√(2·1), 1/√(2·1) and the same for the inverses.
    expected = torch.tensor([0.5, ROOT_HALF, ROOT_HALF, 0.5, ROOT_HALF, ROOT_HALF])
    torch.testing.assert_close(symmetric_norm(path_graph), expected)


def test_symmetric_norm_counts_weights(path_graph: Graph) -> None:
    norm = symmetric_norm(path_graph.with_edge_weight(WITHOUT_EDGE_1))
    # Without 2→3: d_in(3) = 1, d_out(2) = 0. 1→3: d_out(1) = 2, so 1/√2. Others as before.
    expected = torch.tensor([ROOT_HALF, 0.0, ROOT_HALF, 0.5, ROOT_HALF, ROOT_HALF])
    torch.testing.assert_close(norm, expected)


def test_mean_norm(path_graph: Graph) -> None:
    assert mean_norm(path_graph).tolist() == [0.5, 0.5, 0.5, 0.5, 1.0, 1.0]
    assert mean_norm(path_graph.with_edge_weight(WITHOUT_EDGE_1)).tolist() == [1.0, 0, 0.5, 0.5, 1, 1]


def test_relation_norm(path_graph: Graph) -> None:
    # Only node 3 has two incoming edges of one relation; node 1's two edges are of two relations.
    assert relation_norm(path_graph).tolist() == [0.5, 0.5, 1.0, 1.0, 1.0, 1.0]
    assert relation_norm(path_graph.with_edge_weight(WITHOUT_EDGE_1)).tolist() == [1.0, 0, 1, 1, 1, 1]


def test_tfidf_norm(path_graph: Graph) -> None:
    # N = 4; d_out is 1, 2, 1, 2, so idf is ln 5, ln 3, ln 5, ln 3. Node 3 hears 1 and 2, node 1 hears 0
    # and 3: one neighbour of ln 5 and one of ln 3 each. Nodes 0 and 2 hear one neighbour.
    length = math.hypot(math.log(3), math.log(5))
    common, rare = math.log(3) / length, math.log(5) / length
    expected = torch.tensor([common, rare, rare, common, 1.0, 1.0])
    torch.testing.assert_close(tfidf_norm(path_graph), expected)


def test_tfidf_norm_counts_weights(path_graph: Graph) -> None:
    norm = tfidf_norm(path_graph.with_edge_weight(WITHOUT_EDGE_1))
    # Without 2→3 node 3 hears one neighbour, and node 2 is none: others as before.
    length = math.hypot(math.log(3), math.log(5))
    expected = torch.tensor([1.0, 0.0, math.log(5) / length, math.log(3) / length, 1.0, 1.0])
    torch.testing.assert_close(norm, expected)


def test_tfidf_norm_gives_every_neighbourhood_length_1(path_graph: Graph) -> None:
    for weights in (torch.tensor([0.2, 0.7, 1.0, 0.4, 0.9, 0.1]), WITHOUT_EDGE_1):
        norm = tfidf_norm(path_graph.with_edge_weight(weights))
        squares = torch.zeros(4).index_add_(0, path_graph.edge_index[1], norm.square())
        torch.testing.assert_close(squares, torch.ones(4))


def test_balanced_tfidf_norm_holds_back_relations_with_many_edges() -> None:
    # Item 0 has four facts of relation 0 and one of relation 1, all shared with item 1, so idf is one number.
    facts = [(item, int(entity == 4), 2 + entity) for item in range(2) for entity in range(5)]
    graph = build_graph(
        num_users=1,
        num_items=2,
        num_entities=7,
        relation_names=["many", "one"],
        interactions=np.zeros((0, 2), dtype=np.int64),
        triples=np.array(facts),
        item_to_entity=np.array([0, 1]),
    )
    into_item = graph.edge_index[1] == graph.item_nodes[0]
    # Lengths 2 · idf and idf: weights 1/√2 and 1 before, 1/√(4/2 + 1) and the like after they are scaled.
    expected = torch.tensor([6**-0.5] * 4 + [3**-0.5])
    many_first = graph.edge_type[into_item].argsort()
    torch.testing.assert_close(balanced_tfidf_norm(graph)[into_item][many_first], expected)
    dropped = graph.with_edge_weight((graph.edge_type != graph.edge_type[into_item][many_first][-1]).float())
    kept = balanced_tfidf_norm(dropped)[into_item][many_first]
    torch.testing.assert_close(kept, torch.tensor([0.5] * 4 + [0.0]))


@pytest.mark.parametrize("norm", NORMS)
def test_normalised_adjacency_is_kept_where_nothing_can_change_it(norm, path_graph: Graph) -> None:
    kept = normalised_adjacency(path_graph, norm)
    assert torch.equal(kept.values, norm(path_graph))
    assert normalised_adjacency(path_graph, norm) is kept
    assert normalised_adjacency(path_graph.with_edge_weight(WITHOUT_EDGE_1), norm).values[1] == 0
    assert normalised_adjacency(path_graph, norm) is kept


@pytest.mark.parametrize("norm", NORMS)
def test_normalised_adjacency_is_kept_for_each_tensor_of_weights(norm, path_graph: Graph) -> None:
    weights, same = WITHOUT_EDGE_1.clone(), WITHOUT_EDGE_1.clone()
    kept = normalised_adjacency(path_graph.with_edge_weight(weights), norm)
    assert torch.equal(kept.values, norm(path_graph.with_edge_weight(WITHOUT_EDGE_1)))
    assert normalised_adjacency(path_graph.with_edge_weight(weights), norm) is kept
    assert normalised_adjacency(path_graph.with_edge_weight(same), norm) is not kept
    others = [normalised_adjacency(path_graph.with_edge_weight(weights), other) for other in NORMS]
    assert [matrix is kept for matrix in others] == [other is norm for other in NORMS]
    assert normalised_adjacency(path_graph, norm).values[1] != 0


@pytest.mark.parametrize("norm", NORMS)
def test_what_is_kept_for_weights_is_dropped_with_them(norm, path_graph: Graph) -> None:
    """A training that draws new weights at each step must not fill the memory with their matrices."""
    weights = WITHOUT_EDGE_1.clone()
    matrix = weakref.ref(normalised_adjacency(path_graph.with_edge_weight(weights), norm))
    gc.collect()
    assert matrix() is not None
    del weights
    gc.collect()
    assert matrix() is None


@pytest.mark.parametrize("norm", NORMS)
def test_nothing_is_kept_for_weights_that_are_learned(norm, path_graph: Graph) -> None:
    weights = WITHOUT_EDGE_1.clone().requires_grad_()
    graph = path_graph.with_edge_weight(weights)
    for _ in range(2):  # a kept graph of the gradient would be freed by the first pass
        (normalised_adjacency(graph, norm) @ torch.arange(4.0).unsqueeze(1)).square().sum().backward()
    assert weights.grad is not None
    with torch.no_grad():
        weights.fill_(0.5)
    assert torch.equal(normalised_adjacency(graph, norm).values, norm(graph))


def test_normalised_adjacencies_of_other_norms_and_graphs_are_others(path_graph: Graph) -> None:
    symmetric, mean = (normalised_adjacency(path_graph, norm) for norm in (symmetric_norm, mean_norm))
    assert not torch.equal(symmetric.values, mean.values)
    longer = replace(path_graph, edge_index=torch.tensor([[1, 2, 0, 3, 3, 1], [3, 1, 1, 1, 2, 0]]))
    assert not torch.equal(normalised_adjacency(longer, mean_norm).values, mean.values)


@pytest.mark.parametrize("norm", NORMS)
def test_an_edge_of_weight_0_is_as_good_as_absent(norm, path_graph: Graph) -> None:
    keep = WITHOUT_EDGE_1.bool()
    absent = replace(
        path_graph, edge_index=path_graph.edge_index[:, keep], edge_type=path_graph.edge_type[keep]
    )
    weighted = norm(path_graph.with_edge_weight(WITHOUT_EDGE_1))
    torch.testing.assert_close(weighted[keep], norm(absent))
    assert weighted[1] == 0


def test_fractional_weights_are_degrees(path_graph: Graph) -> None:
    graph = path_graph.with_edge_weight(torch.tensor([0.25, 0.75, 1.0, 1.0, 1.0, 1.0]))
    assert mean_norm(graph).tolist() == [0.25, 0.75, 0.5, 0.5, 1.0, 1.0]
    assert relation_norm(graph).tolist() == [0.25, 0.75, 1.0, 1.0, 1.0, 1.0]


@pytest.mark.parametrize("norm", NORMS)
def test_a_graph_whose_edges_are_all_dropped_has_zero_norm(norm, path_graph: Graph) -> None:
    weights = torch.zeros(6, requires_grad=True)
    values = norm(path_graph.with_edge_weight(weights))
    values.sum().backward()
    assert torch.equal(values, torch.zeros(6))
    assert torch.isfinite(weights.grad).all()


@pytest.mark.parametrize("norm", NORMS)
def test_norms_are_differentiable_in_the_weights(norm, path_graph: Graph) -> None:
    weights = torch.linspace(0.5, 1.5, 6, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda w: norm(path_graph.with_edge_weight(w)), (weights,))


def test_directed_halves(path_graph: Graph) -> None:
    graph = path_graph.with_edge_weight(torch.arange(6.0))
    stated, inverse = directed_halves(graph)
    assert stated.edge_index.tolist() == [[1, 2, 0], [3, 3, 1]]
    assert inverse.edge_index.tolist() == [[3, 3, 1], [1, 2, 0]]
    assert (stated.edge_type.tolist(), inverse.edge_type.tolist()) == ([0, 0, 1], [2, 2, 3])
    assert (stated.edge_weight.tolist(), inverse.edge_weight.tolist()) == ([0, 1, 2], [3, 4, 5])
    assert directed_halves(path_graph)[0].edge_weight is None


def test_odd_number_of_relations_has_no_halves(path_graph: Graph) -> None:
    with pytest.raises(ValueError, match="3 relations"):
        directed_halves(replace(path_graph, relation_names=("a", "b", "c")))


def test_structure_is_shared_by_graphs_with_other_weights(path_graph: Graph) -> None:
    structure = graph_structure(path_graph)
    assert graph_structure(path_graph.with_edge_weight(torch.ones(6))) is structure
    assert graph_structure(path_graph.to("cpu")) is structure
    halves = [directed_halves(path_graph.with_edge_weight(torch.rand(6)))[0] for _ in range(2)]
    assert graph_structure(halves[0]) is graph_structure(halves[1])


def test_structure_is_not_shared_by_other_graphs(path_graph: Graph) -> None:
    structure = graph_structure(path_graph)
    flipped = replace(path_graph, edge_index=path_graph.edge_index.flip(0))
    retyped = replace(path_graph, edge_type=path_graph.edge_type.flip(0))
    larger = replace(path_graph, num_nodes=5)
    for other in (flipped, retyped, larger):
        assert graph_structure(other) is not structure
    assert graph_structure(larger).adjacency.shape == (5, 5)


def test_structure_is_freed_with_the_graph(path_graph: Graph) -> None:
    graph = replace(
        path_graph, edge_index=path_graph.edge_index.clone(), edge_type=path_graph.edge_type.clone()
    )
    half = directed_halves(graph)[1]
    normalised_adjacency(half, symmetric_norm)
    relation_norm(graph)
    structures = [weakref.ref(graph_structure(one)) for one in (graph, half)]
    assert all(structure() is not None for structure in structures)
    del graph, half
    gc.collect()
    assert all(structure() is None for structure in structures)
