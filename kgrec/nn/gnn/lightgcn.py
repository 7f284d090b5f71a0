"""LightGCN: neighbourhood averaging and nothing else."""

from torch import Tensor

from kgrec.kg.graph import Graph
from kgrec.nn.gnn.base import GNN, check_layers
from kgrec.nn.layer_mean import layer_mean
from kgrec.nn.sparse import normalised_adjacency, symmetric_norm


class LightGCN(GNN):
    r"""LightGCN: the mean of a node's features and of its neighbourhoods' averages.

    From `LightGCN: Simplifying and Powering Graph Convolution Network for Recommendation
    <https://arxiv.org/abs/2002.02126>`_ (He et al., SIGIR 2020, §3.1, eqs. 3 and 4).

    .. math::
        x_i^{(l+1)} = \sum_{e = (j \to i)} \frac{w_e}{\sqrt{d_i d_j}} x_j^{(l)}, \qquad
        \mathrm{out}_i = \frac{1}{L+1} \sum_{l=0}^{L} x_i^{(l)}

    Relations are ignored: every edge counts by its weight alone, and parallel edges add up. There is no
    parameter, hence no dropout; drop edges through ``graph.edge_weight`` instead. The paper's graph is
    bipartite; over a collaborative KG this is the same formula on more nodes.

    Args:
        in_dim: width of the features, in and out.
        num_relations: ignored.
        num_layers: L ≥ 1.

    Raises:
        InputError: ``num_layers`` < 1.
    """

    def __init__(self, in_dim: int, num_relations: int, *, num_layers: int) -> None:
        super().__init__(in_dim, num_relations, out_dim=in_dim)
        self.num_layers = check_layers(num_layers)

    @property
    def reach(self) -> int:
        """A step per layer."""
        return self.num_layers

    def forward(self, x: Tensor, graph: Graph) -> Tensor:
        """``[N, in_dim]`` to ``[N, in_dim]``."""
        self.check_inputs(x, graph)
        return layer_mean(normalised_adjacency(graph, symmetric_norm), x, self.num_layers)
