import pytest
import torch

from kgrec.errors import InputError
from kgrec.kg.graph import Graph
from kgrec.nn.gnn.kgat import KGAT


def test_attention_equals_that_of_single_edges(path_graph: Graph) -> None:
    torch.manual_seed(0)
    network = KGAT(in_dim=3, num_relations=4, layer_dims=[2], attention_dim=5, dropout=0.0)
    x = torch.randn(4, 3)
    scores = []
    for (source, target), relation in zip(
        path_graph.edge_index.T.tolist(), path_graph.edge_type.tolist(), strict=True
    ):
        asked = torch.tanh(x[target] @ network.maps[relation] + network.questions[relation])
        scores.append((x[source] @ network.maps[relation]) @ asked)
    around = torch.zeros(4, 3)
    for node in range(4):
        arriving = (path_graph.edge_index[1] == node).nonzero().flatten().tolist()
        shares = torch.softmax(torch.stack([scores[edge] for edge in arriving]), dim=0)
        for share, edge in zip(shares, arriving, strict=True):
            around[node] += share * x[path_graph.edge_index[0, edge]]
    relu = torch.nn.functional.leaky_relu
    (of_sum,), (of_product,) = network.layers.sums, network.layers.products
    layer = relu(of_sum(x + around)) + relu(of_product(x * around))
    expected = torch.cat([x, layer / layer.norm(dim=1, keepdim=True)], dim=1)
    torch.testing.assert_close(network(x, path_graph), expected)


def test_a_width_below_one_is_refused() -> None:
    with pytest.raises(InputError, match="attention_dim is 0"):
        KGAT(in_dim=3, num_relations=4, layer_dims=[2], attention_dim=0, dropout=0.0)
