import pytest
import torch
from torch_geometric.nn import LGConv

from kgrec.errors import InputError
from kgrec.kg.graph import Graph
from kgrec.nn.gnn.lightgcn import LightGCN


def test_by_hand(path_graph: Graph) -> None:
    """The path 0 – 1 – 3 – 2 with norms 1/√2, 1/2, 1/√2 and x = (2, 4, 6, 8).

    Layer 1: node 0: 4/√2 = 2√2;           node 1: 2/√2 + 8/2 = √2 + 4;
             node 2: 8/√2 = 4√2;           node 3: 4/2 + 6/√2 = 2 + 3√2.
    """
    x = torch.tensor([[2.0], [4.0], [6.0], [8.0]])
    root = 2**0.5
    layer_1 = torch.tensor([[2 * root], [root + 4], [4 * root], [2 + 3 * root]])
    torch.testing.assert_close(LightGCN(1, 4, num_layers=1)(x, path_graph), (x + layer_1) / 2)


def test_agrees_with_torch_geometric(path_graph: Graph) -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(4, 5, generator=generator)
    # The edge between 0 and 1 (edges 2 and 5) weighs less, in both directions.
    weights = torch.tensor([1.0, 1.0, 0.3, 1.0, 1.0, 0.3])
    for graph in (path_graph, path_graph.with_edge_weight(weights)):
        conv, layers = LGConv(), [x]
        for _ in range(3):
            layers.append(conv(layers[-1], graph.edge_index, graph.edge_weight))
        expected = torch.stack(layers).mean(0)
        torch.testing.assert_close(LightGCN(5, 4, num_layers=3)(x, graph), expected)


def test_has_no_parameters() -> None:
    assert list(LightGCN(8, 4, num_layers=2).parameters()) == []


def test_refuses_zero_layers() -> None:
    with pytest.raises(InputError, match=r"gnn.num_layers is 0; expected ≥ 1"):
        LightGCN(8, 4, num_layers=0)
