from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch_geometric.nn import RGCNConv

from kgrec.errors import InputError
from kgrec.kg.graph import Graph, build_graph
from kgrec.nn.gnn.rgcn import RGCN, relation_lengths
from kgrec.nn.sparse import mean_norm, relation_norm


def build(**settings: object) -> RGCN:
    defaults = {
        "num_layers": 1,
        "num_bases": 2,
        "normalization": relation_norm,
        "dropout": 0.0,
        "activation": nn.ReLU(),
    }
    return RGCN(**{"in_dim": 3, "num_relations": 4, **defaults, **settings})


def test_by_hand(path_graph: Graph) -> None:
    """One dimension, two bases V = (1, 10), so W_r = a_r1 + 10 a_r2; self loop 100, bias 0.5.

    Relations:   genre a = (1, 0): W = 1      interacts a = (0, 1): W = 10
                 genre^-1 a = (2, 1): W = 12  interacts^-1 a = (3, 0): W = 3
    x = (1, 2, 3, 4):
        node 0 ← 1 (interacts^-1):                  100·1 + .5 + 3·2          = 106.5
        node 1 ← 0 (interacts), 3 (genre^-1):       100·2 + .5 + 10·1 + 12·4  = 258.5
        node 2 ← 3 (genre^-1):                      100·3 + .5 + 12·4         = 348.5
        node 3 ← mean of 1, 2 (genre):              100·4 + .5 + 1·(2 + 3)/2  = 403.0
    """
    network = build(in_dim=1)
    layer = network.layers[0]
    with torch.no_grad():
        layer.bases.copy_(torch.tensor([[[1.0]], [[10.0]]]))
        layer.coefficients.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0], [2.0, 1.0], [3.0, 0.0]]))
        layer.self_loop.weight.fill_(100.0)
        layer.self_loop.bias.fill_(0.5)
    out = network(torch.tensor([[1.0], [2.0], [3.0], [4.0]]), path_graph)
    torch.testing.assert_close(out.squeeze(1), torch.tensor([106.5, 258.5, 348.5, 403.0]))


def test_the_normalization_is_a_choice(path_graph: Graph) -> None:
    """All maps 1, no self loop: with a mean over all neighbours node 1 receives (1 + 4) / 2, not 1 + 4."""
    x = torch.tensor([[1.0], [2.0], [3.0], [4.0]])
    for normalization, expected in ((relation_norm, [2.0, 5.0, 4.0, 2.5]), (mean_norm, [2.0, 2.5, 4.0, 2.5])):
        network = build(in_dim=1, num_bases=1, normalization=normalization)
        with torch.no_grad():
            network.layers[0].bases.fill_(1.0)
            network.layers[0].self_loop.weight.zero_()
        assert network(x, path_graph).squeeze(1).tolist() == expected


def test_a_layer_begins_as_a_plain_sum_that_keeps_lengths() -> None:
    layer = build(in_dim=5, num_bases=4).layers[0]
    for matrix in (*layer.bases, layer.self_loop.weight):
        torch.testing.assert_close(matrix @ matrix.T, torch.eye(5))
    assert torch.equal(layer.coefficients, torch.full((4, 4), 0.5))
    assert not layer.self_loop.bias.any()


def random_graph() -> Graph:
    rng = np.random.default_rng(0)
    return build_graph(
        num_users=4,
        num_items=6,
        num_entities=10,
        relation_names=["a", "b", "c"],
        interactions=np.unique(rng.integers([4, 6], size=(12, 2)), axis=0),
        triples=rng.integers([10, 3, 10], size=(40, 3)),
        item_to_entity=np.array([0, 1, 2, -1, 3, 3]),
    )


def test_agrees_with_torch_geometric() -> None:
    """Same weights, same outputs and same gradients, over two layers."""
    torch.manual_seed(0)
    graph = random_graph()
    network = build(in_dim=5, num_relations=8, num_layers=2, num_bases=3)
    convs = [RGCNConv(5, 5, 8, num_bases=3) for _ in range(2)]
    with torch.no_grad():
        for conv, layer in zip(convs, network.layers, strict=True):
            conv.weight.copy_(layer.bases)
            conv.comp.copy_(layer.coefficients)
            conv.root.copy_(layer.self_loop.weight.T)
            layer.self_loop.bias.normal_()
            conv.bias.copy_(layer.self_loop.bias)
    x = torch.randn(graph.num_nodes, 5)
    hidden = torch.relu(convs[0](x, graph.edge_index, graph.edge_type))
    expected = convs[1](hidden, graph.edge_index, graph.edge_type)
    out = network(x, graph)
    torch.testing.assert_close(out, expected)

    upstream = torch.randn_like(out)
    (out * upstream).sum().backward()
    (expected * upstream).sum().backward()
    for conv, layer in zip(convs, network.layers, strict=True):
        torch.testing.assert_close(layer.bases.grad, conv.weight.grad)
        torch.testing.assert_close(layer.coefficients.grad, conv.comp.grad)
        torch.testing.assert_close(layer.self_loop.weight.grad, conv.root.grad.T)


def test_relations_matter() -> None:
    torch.manual_seed(0)
    graph = random_graph()
    shuffled = replace(graph, edge_type=graph.edge_type.flip(0))
    network, x = build(in_dim=5, num_relations=8), torch.randn(graph.num_nodes, 5)
    assert not torch.allclose(network(x, graph), network(x, shuffled))


def test_dropout_acts_in_training_only() -> None:
    torch.manual_seed(0)
    graph, network = random_graph(), build(in_dim=5, num_relations=8, dropout=0.5)
    x = torch.randn(graph.num_nodes, 5)
    assert not torch.equal(network(x, graph), network(x, graph))
    network.eval()
    assert torch.equal(network(x, graph), network(x, graph))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_bases": 0}, r"gnn.num_bases is 0; expected ≥ 1"),
        ({"num_layers": 0}, r"gnn.num_layers is 0"),
        ({"dropout": 1.0}, r"gnn.dropout is 1.0; expected a probability in \[0, 1\)"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        build(**settings)


def test_the_length_of_a_relation_is_that_of_its_matrix() -> None:
    coefficients, bases = torch.randn(5, 3), torch.randn(3, 4, 4)
    matrices = torch.einsum("rb,bij->rij", coefficients, bases)
    torch.testing.assert_close(relation_lengths(coefficients, bases), matrices.flatten(1).norm(dim=1))
