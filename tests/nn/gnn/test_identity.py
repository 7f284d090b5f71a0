import torch

from kgrec.kg.graph import Graph
from kgrec.nn.gnn.identity import Identity


def test_returns_its_input(path_graph: Graph) -> None:
    x = torch.randn(4, 3)
    assert torch.equal(Identity(3, 4)(x, path_graph), x)
