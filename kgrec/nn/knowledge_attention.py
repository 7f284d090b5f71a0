"""KGAT's two layers: attention over a graph's edges, and aggregation with both sums and products."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kgrec.errors import InputError
from kgrec.kg.graph import Graph
from kgrec.nn.csr import SparseMatrix
from kgrec.nn.sparse import adjacency
from kgrec.nn.translation import TransR

_EDGES_AT_ONCE = 65536  # bounds memory, changes no result


class KnowledgeAttention:
    r"""How much each node listens to each neighbour, from the embedding of the graph itself.

    From `KGAT: Knowledge Graph Attention Network for Recommendation <https://arxiv.org/abs/1905.07854>`_
    (Wang et al., KDD 2019, §3.2, eqs. 4 and 5). For an edge e = (t → h) of relation r:

    .. math::
        \pi_e = (W_r^T e_t)^T \tanh(W_r^T e_h + r), \qquad
        a_e = \frac{\exp \pi_e}{\sum_{e' \to h} \exp \pi_{e'}}

    Each node is projected once per relation that it has, not once per edge: users and items have hundreds
    of interactions.

    Args:
        graph: its edges; weights are not read.
    """

    def __init__(self, graph: Graph) -> None:
        source, target = graph.edge_index
        keys = graph.edge_type * graph.num_nodes
        projected, places = torch.unique(torch.cat([keys + source, keys + target]), return_inverse=True)
        self.graph = graph
        self._node = projected % graph.num_nodes
        self._relation = projected // graph.num_nodes  # ascending
        self._source, self._target = places.chunk(2)
        self._counts = torch.bincount(self._relation, minlength=graph.num_relations).tolist()

    @torch.no_grad()
    def __call__(self, nodes: Tensor, translation: TransR) -> SparseMatrix:
        """``[N, N]`` matrix whose rows (targets) add up to 1, or are empty; without gradient.

        Args:
            nodes: ``[N, D]``.
            translation: :math:`W_r` and r of all relations of the graph.
        """
        tails = translation.project(nodes[self._node], self._counts)
        heads = torch.tanh(tails + translation.relations[self._relation])
        blocks = zip(self._source.split(_EDGES_AT_ONCE), self._target.split(_EDGES_AT_ONCE), strict=True)
        scores = torch.cat([(tails[source] * heads[target]).sum(dim=1) for source, target in blocks])
        target = self.graph.edge_index[1]
        highest = scores.new_full((self.graph.num_nodes,), -torch.inf)
        highest = highest.scatter_reduce(0, target, scores, "amax")  # the order of a maximum is free
        exponentials = torch.exp(scores - highest[target])
        totals = adjacency(self.graph, exponentials).row_sums()
        return adjacency(self.graph, exponentials / totals[target])


class BiInteraction(nn.Module):
    r"""Layers of the bi-interaction aggregator (KGAT, §3.2, eq. 8, and §3.3, eqs. 9 to 11).

    .. math::
        x^{(l)} = \mathrm{LeakyReLU}(W_1 (x + A x)) + \mathrm{LeakyReLU}(W_2 (x \odot A x)), \qquad
        \mathrm{out} = x^{(0)} \,\Vert\, \bar{x}^{(1)} \,\Vert \cdots \Vert\, \bar{x}^{(L)}

    with :math:`\bar x` scaled to length 1, as in the authors' code, and dropout after each layer.

    Args:
        in_dim: width of the features.
        layer_dims: widths of the layers, at least one, each ≥ 1.
        dropout: share in [0, 1) of each layer's output that is dropped in training.

    Attributes:
        out_dim: width of the concatenation.

    Raises:
        InputError: a value outside its range.
    """

    def __init__(self, in_dim: int, *, layer_dims: Sequence[int], dropout: float) -> None:
        super().__init__()
        if not layer_dims or min(layer_dims) < 1:
            raise InputError(f"model.layers.layer_dims: found {list(layer_dims)}, expected numbers >= 1")
        if not 0 <= dropout < 1:
            raise InputError(f"model.layers.dropout: found {dropout}, expected a share in [0, 1)")
        widths = [in_dim, *layer_dims]
        self.sums, self.products = (
            nn.ModuleList(nn.Linear(width, after) for width, after in zip(widths, layer_dims, strict=False))
            for _ in range(2)
        )
        for layer in (*self.sums, *self.products):
            nn.init.xavier_normal_(layer.weight)
            nn.init.zeros_(layer.bias)
        self.dropout = dropout
        self.out_dim = sum(widths)

    def forward(self, x: Tensor, matrix: SparseMatrix) -> Tensor:
        """``[N, in_dim]`` and A ``[N, N]`` to ``[N, out_dim]``."""
        outputs = [x]
        for of_sum, of_product in zip(self.sums, self.products, strict=True):
            around = matrix @ x
            x = F.leaky_relu(of_sum(x + around)) + F.leaky_relu(of_product(x * around))
            x = F.dropout(x, self.dropout, self.training)
            outputs.append(F.normalize(x, dim=1))
        return torch.cat(outputs, dim=1)
