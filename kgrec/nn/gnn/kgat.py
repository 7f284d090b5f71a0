"""KGAT: attention that knows the relation, and an aggregator of sums and products."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from kgrec.kg.graph import Graph
from kgrec.nn.edge_attention import edge_scores, edge_softmax
from kgrec.nn.gnn.base import GNN, check_width
from kgrec.nn.knowledge_attention import BiInteraction
from kgrec.nn.sparse import adjacency, edge_weights, graph_structure


class KGAT(GNN):
    r"""KGAT's attention over edges and its bi-interaction aggregator.

    From `KGAT: Knowledge Graph Attention Network for Recommendation <https://arxiv.org/abs/1905.07854>`_
    (Wang et al., KDD 2019, §3.2, eqs. 4, 5 and 8, and §3.3). For an edge e = (j → i) of relation r:

    .. math::
        a_e = \mathrm{softmax}_{e \to i}\big( (W_r^T x_j)^T \tanh(W_r^T x_i + z_r) \big), \qquad
        \mathrm{out} = \mathrm{BiInteraction}(x, A)

    with the layers of :class:`kgrec.nn.knowledge_attention.BiInteraction`; the output is the concatenation of
    all layers, so it is wider than the input.

    How relations are used: each, in either direction, sees nodes through a map W_r and asks with a vector
    z_r; both decide weights alone, what passes along an edge does not know its relation.

    Difference from the paper: attention is trained by the caller's loss, through its gradient, where the
    paper trains W and z by translating the graph and gives attention none
    (:class:`kgrec.models.kgat.KGAT` does so).

    Args:
        in_dim: width of the features.
        num_relations: R.
        layer_dims: widths of the layers, at least one, each ≥ 1.
        attention_dim: K ≥ 1, width in which nodes are compared.
        dropout: share in [0, 1) of each layer's output that is dropped in training.

    Raises:
        InputError: a setting outside its range.
    """

    def __init__(
        self,
        in_dim: int,
        num_relations: int,
        *,
        layer_dims: Sequence[int],
        attention_dim: int,
        dropout: float,
    ) -> None:
        super().__init__(in_dim, num_relations, out_dim=in_dim + sum(layer_dims))
        self.layers = BiInteraction(in_dim, layer_dims=layer_dims, dropout=dropout)
        check_width("attention_dim", attention_dim)
        self.maps = nn.Parameter(torch.empty(num_relations, in_dim, attention_dim))
        self.questions = nn.Parameter(torch.empty(num_relations, attention_dim))
        for relation_map in self.maps:
            nn.init.xavier_uniform_(relation_map)
        nn.init.xavier_uniform_(self.questions)

    def forward(self, x: Tensor, graph: Graph) -> Tensor:
        """``[N, in_dim]`` to ``[N, in_dim + Σ layer_dims]``."""
        self.check_inputs(x, graph)
        ends = graph_structure(graph).relational_ends
        asked = ends.targets.project(x, self.maps) + ends.targets.of_relation(self.questions)
        scores = edge_scores(ends.between_pairs, torch.tanh(asked), ends.sources.project(x, self.maps))
        weights = edge_weights(graph).to(scores.dtype)
        attention = edge_softmax(scores, ends.edges_of_node, graph.edge_index[1], weights)
        return self.layers(x, adjacency(graph, attention))
