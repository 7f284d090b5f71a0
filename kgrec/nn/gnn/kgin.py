"""KGIN's aggregation along relational paths."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kgrec.kg.graph import Graph
from kgrec.nn.gnn.base import GNN, check_dropout, check_layers
from kgrec.nn.sparse import SparseMatrix, graph_structure, mean_norm


class KGIN(GNN):
    r"""KGIN: each neighbour multiplied by the embedding of the relation that it comes along.

    From `Learning Intents behind Interactions with Knowledge Graph for Recommendation
    <https://arxiv.org/abs/2102.07057>`_ (Wang et al., WWW 2021, §3.2.2, eqs. 9 to 11).

    .. math::
        x_i^{(l+1)} = \mathrm{unit}\Big( \tfrac{1}{|N_i|} \sum_{e = (j \to i)} w_e\, z_{r(e)} \odot x_j^{(l)}
            \Big), \qquad \mathrm{out}_i = \sum_{l=0}^{L} x_i^{(l)}

    How relations are used: each, in either direction, is a vector z that picks dimensions. As products of
    layers they describe whole paths.

    Differences from the paper: no intents, which belong to users (:class:`kgrec.models.kgin.KGIN` has them);
    interactions, where the graph shows them, are one more relation. Rows are scaled to length 1 (``unit``),
    as in its code.

    Args:
        in_dim: width of the features, in and out.
        num_relations: R.
        num_layers: L ≥ 1.
        dropout: on each layer's messages, probability in [0, 1).

    Raises:
        InputError: a setting outside its range.
    """

    def __init__(self, in_dim: int, num_relations: int, *, num_layers: int, dropout: float) -> None:
        super().__init__(in_dim, num_relations, out_dim=in_dim)
        self.num_layers = check_layers(num_layers)
        self.dropout = check_dropout(dropout)
        self.relations = nn.Parameter(nn.init.xavier_uniform_(torch.empty(num_relations, in_dim)))

    def relation_weights(self) -> Tensor:
        """Length of each z."""
        return self.relations.norm(dim=1)

    def forward(self, x: Tensor, graph: Graph) -> Tensor:
        """``[N, in_dim]`` to ``[N, in_dim]``."""
        self.check_inputs(x, graph)
        groups = graph_structure(graph).relation_groups
        means = SparseMatrix(groups.sources, mean_norm(graph))
        relations = groups.relations.ones() @ self.relations  # [G, D]
        into_nodes = groups.targets.ones()
        total = x
        for _ in range(self.num_layers):
            x = F.normalize(into_nodes @ ((means @ x) * relations), dim=1)
            x = F.dropout(x, self.dropout, self.training)
            total = total + x
        return total
