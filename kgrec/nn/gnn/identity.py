"""No graph network at all: the ablation in which the graph passes no message."""

from torch import Tensor

from kgrec.kg.graph import Graph
from kgrec.nn.gnn.base import GNN


class Identity(GNN):
    """``out = x``. Relations and edges are ignored; each node keeps its own embedding.

    Args:
        in_dim: width of the features, in and out.
        num_relations: ignored.
    """

    def __init__(self, in_dim: int, num_relations: int) -> None:
        super().__init__(in_dim, num_relations, out_dim=in_dim)

    def forward(self, x: Tensor, graph: Graph) -> Tensor:
        """``[N, in_dim]`` to the same ``[N, in_dim]``."""
        self.check_inputs(x, graph)
        return x
