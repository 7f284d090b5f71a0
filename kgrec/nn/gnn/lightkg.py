"""LightKG's graph network: one learned number per relation and direction, and nothing else."""

import torch
from torch import Tensor, nn

from kgrec.kg.graph import Graph
from kgrec.nn.gnn.base import GNN, check_layers
from kgrec.nn.sparse import (
    SparseMatrix,
    adjacency,
    graph_structure,
    normalised_adjacency,
    symmetric_norm,
)


class LightKG(GNN):
    r"""LightKG: LightGCN's averages, each edge weighted by a learned number of its relation.

    From `LightKG: Efficient Knowledge-Aware Recommendations with Simplified GNN Architecture
    <https://arxiv.org/abs/2506.10347>`_ (Li et al., KDD 2025), "simplified GNN layer".

    .. math::
        x_i^{(l+1)} = \sum_{e = (j \to i)} \frac{w_e\, \alpha_{r(e)}}{\sqrt{d_i d_j}} x_j^{(l)}, \qquad
        \mathrm{out}_i = \frac{1}{L+1} \sum_{l=0}^{L} x_i^{(l)}

    How relations are used: α is one number per relation id, of either sign. The inverse of a relation and the
    two directions of the interactions have ids of their own, so each relation is a pair of scalars.

    Difference from the paper's code: degrees count edges, not distinct neighbours (they differ where two
    nodes are joined by several relations).

    Args:
        in_dim: width of the features, in and out.
        num_relations: R.
        num_layers: L ≥ 1.

    Raises:
        InputError: ``num_layers`` < 1.
    """

    def __init__(self, in_dim: int, num_relations: int, *, num_layers: int) -> None:
        super().__init__(in_dim, num_relations, out_dim=in_dim)
        self.num_layers = check_layers(num_layers)
        self.weights = nn.Parameter(nn.init.xavier_uniform_(torch.empty(num_relations, 1)))

    def relation_weights(self) -> Tensor:
        """Each α, of either sign."""
        return self.weights.squeeze(1)

    def forward(self, x: Tensor, graph: Graph) -> Tensor:
        """``[N, in_dim]`` to ``[N, in_dim]``."""
        self.check_inputs(x, graph)
        norm = normalised_adjacency(graph, symmetric_norm).values
        # A product instead of weights[edge_type], whose gradient would be a scatter.
        of_edge = SparseMatrix(graph_structure(graph).edge_relations, norm) @ self.weights
        matrix = adjacency(graph, of_edge.squeeze(1))
        total = x
        for _ in range(self.num_layers):
            x = matrix @ x
            total = total + x
        return total / (self.num_layers + 1)
