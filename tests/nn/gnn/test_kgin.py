import torch

from kgrec.kg.graph import Graph
from kgrec.nn.gnn.kgin import KGIN


def test_equals_the_sum_over_edges(path_graph: Graph) -> None:
    torch.manual_seed(0)
    network = KGIN(in_dim=3, num_relations=4, num_layers=2, dropout=0.0)
    x = torch.randn(4, 3)
    total, layer = x.clone(), x
    for _ in range(2):
        means = torch.zeros(4, 3)
        for node in range(4):
            arriving = (path_graph.edge_index[1] == node).nonzero().flatten()
            for edge in arriving:
                source, relation = path_graph.edge_index[0, edge], path_graph.edge_type[edge]
                means[node] += network.relations[relation] * layer[source] / len(arriving)
        layer = means / means.norm(dim=1, keepdim=True)
        total += layer
    torch.testing.assert_close(network(x, path_graph), total)
