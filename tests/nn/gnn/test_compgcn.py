import pytest
import torch
from torch import nn

from kgrec.kg.graph import Graph
from kgrec.nn.gnn.compgcn import CompGCN, Composition, Multiplication, Subtraction
from kgrec.nn.sparse import symmetric_norm

COMPOSITIONS = [Subtraction(), Multiplication()]


def build(composition: Composition, **settings: object) -> CompGCN:
    defaults = {"num_layers": 1, "dropout": 0.0, "activation": nn.Tanh()}
    return CompGCN(**{"in_dim": 1, "num_relations": 4, **defaults, "composition": composition, **settings})


# One dimension; W_O = 1 (stated), W_I = 10 (inverse), W_S = 100 (self loop), bias 0.5;
# z = (1 genre, 2 interacts, 3 genre^-1, 4 interacts^-1, 5 self loop); x = (1, 2, 3, 4).
# Stated edges 1→3, 2→3, 0→1: out-degrees 1, in-degrees d(3) = 2, d(1) = 1, norms h = 1/√2, h, 1.
# Inverse edges 3→1, 3→2, 1→0: norms h, h, 1.
H = 0.5**0.5
BY_HAND = {
    # φ(x, z) = x − z
    "Subtraction": [
        100 * (1 - 5) + 10 * (2 - 4),  # node 0 ← 1 inverse
        100 * (2 - 5) + 1 * (1 - 2) + 10 * H * (4 - 3),  # node 1 ← 0 stated, 3 inverse
        100 * (3 - 5) + 10 * H * (4 - 3),  # node 2 ← 3 inverse
        100 * (4 - 5) + H * (2 - 1) + H * (3 - 1),  # node 3 ← 1, 2 stated
    ],
    # φ(x, z) = x · z
    "Multiplication": [
        100 * 1 * 5 + 10 * 2 * 4,
        100 * 2 * 5 + 1 * 1 * 2 + 10 * H * 4 * 3,
        100 * 3 * 5 + 10 * H * 4 * 3,
        100 * 4 * 5 + H * 2 * 1 + H * 3 * 1,
    ],
}


@pytest.mark.parametrize("composition", COMPOSITIONS, ids=lambda c: type(c).__name__)
def test_by_hand(composition: Composition, path_graph: Graph) -> None:
    network = build(composition)
    layer = network.layers[0]
    with torch.no_grad():
        network.relations.copy_(torch.arange(1.0, 6.0).unsqueeze(1))
        layer.stated.weight.fill_(1.0)
        layer.inverse.weight.fill_(10.0)
        layer.self_loop.weight.fill_(100.0)
        layer.bias.fill_(0.5)
    out = network(torch.tensor([[1.0], [2.0], [3.0], [4.0]]), path_graph)
    expected = torch.tensor(BY_HAND[type(composition).__name__]) / 3 + 0.5
    torch.testing.assert_close(out.squeeze(1), expected)


@pytest.mark.parametrize("composition", COMPOSITIONS, ids=lambda c: type(c).__name__)
def test_aggregate_equals_the_sum_over_edges(composition: Composition, path_graph: Graph) -> None:
    generator = torch.Generator().manual_seed(0)
    x, z = torch.randn(4, 3, generator=generator), torch.randn(4, 3, generator=generator)
    # Parallel edges: every edge twice, the copies with other relations.
    graph = Graph(
        edge_index=path_graph.edge_index.repeat(1, 2),
        edge_type=torch.cat([path_graph.edge_type, path_graph.edge_type.flip(0)]),
        num_nodes=4,
        relation_names=path_graph.relation_names,
        user_nodes=path_graph.user_nodes,
        item_nodes=path_graph.item_nodes,
        has_kg=path_graph.has_kg,
    )
    norm = torch.rand(12, generator=generator)
    expected = torch.zeros(4, 3)
    for e, (source, target) in enumerate(graph.edge_index.T.tolist()):
        expected[target] += norm[e] * composition.compose(x[source : source + 1], z[graph.edge_type[e]])[0]
    torch.testing.assert_close(composition.aggregate(x, z, graph, norm), expected)


def test_relations_are_updated_between_layers(path_graph: Graph) -> None:
    torch.manual_seed(0)
    network, x = build(Subtraction(), num_layers=2), torch.randn(4, 1)
    before = network(x, path_graph)
    with torch.no_grad():
        network.relation_updates[0].weight.add_(1.0)
    assert len(network.relation_updates) == 1
    assert not torch.allclose(before, network(x, path_graph))


def test_norm_is_taken_inside_each_direction(path_graph: Graph) -> None:
    """Dropping only the stated edges leaves the inverse messages as they were."""
    torch.manual_seed(0)
    network, x = build(Multiplication(), in_dim=3), torch.randn(4, 3)
    with torch.no_grad():
        network.layers[0].stated.weight.zero_()
    only_inverse = path_graph.with_edge_weight(torch.tensor([0.0, 0, 0, 1, 1, 1]))
    assert not torch.allclose(symmetric_norm(path_graph)[3:], symmetric_norm(only_inverse)[3:])
    torch.testing.assert_close(network(x, path_graph), network(x, only_inverse))


def test_odd_number_of_relations_is_refused() -> None:
    with pytest.raises(ValueError, match="5 relations, expected each with its inverse"):
        build(Subtraction(), num_relations=5)
