"""LightKG's layer: known answers."""

import torch

from kgrec.nn.gnn.lightgcn import LightGCN
from kgrec.nn.gnn.lightkg import LightKG


def test_it_is_the_mean_of_layers_weighted_by_relation(path_graph):
    network = LightKG(2, path_graph.num_relations, num_layers=2)
    torch.nn.init.normal_(network.weights)
    source, target = path_graph.edge_index
    degree = torch.bincount(target, minlength=path_graph.num_nodes).clamp(min=1).double()
    matrix = torch.zeros(path_graph.num_nodes, path_graph.num_nodes, dtype=torch.double)
    for j, i, relation in zip(source.tolist(), target.tolist(), path_graph.edge_type.tolist(), strict=True):
        matrix[i, j] += network.weights[relation].item() / (degree[i] * degree[j]).sqrt()
    x = torch.randn(path_graph.num_nodes, 2)
    expected = (x + matrix @ x.double() + matrix @ matrix @ x.double()) / 3
    assert torch.allclose(network(x, path_graph), expected.float(), atol=1e-6)


def test_equal_relations_are_lightgcn(path_graph):
    network = LightKG(2, path_graph.num_relations, num_layers=2)
    torch.nn.init.ones_(network.weights)
    x = torch.randn(path_graph.num_nodes, 2)
    expected = LightGCN(2, path_graph.num_relations, num_layers=2)(x, path_graph)
    assert torch.allclose(network(x, path_graph), expected, atol=1e-6)
