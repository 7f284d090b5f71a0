"""HGT: a transformer whose maps belong to kinds of nodes and of edges."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kgrec.errors import InputError
from kgrec.kg.graph import Graph
from kgrec.nn.edge_attention import edge_scores, edge_softmax
from kgrec.nn.gnn.base import GNN, check_dropout, check_layers, check_width
from kgrec.nn.sparse import SparseMatrix, edge_weights, graph_structure

NODE_KINDS = 3
"""User, item, entity."""


class HGT(GNN):
    r"""HGT: mutual attention with maps per kind of node and per relation.

    From `Heterogeneous Graph Transformer <https://arxiv.org/abs/2003.01332>`_ (Hu et al., WWW 2020, §3.2 to
    3.4, eqs. 3 to 5). With the kind τ of a node and, per head of width d, an edge e = (j → i) of relation r:

    .. math::
        a_e = \mathrm{softmax}_{e \to i}\Big( \frac{\mu_r}{\sqrt d}\, (K_{\tau(j)} x_j) W^{att}_r
            (Q_{\tau(i)} x_i)^T \Big), \qquad
        m_i = \Vert_{heads} \sum_e a_e\, (V_{\tau(j)} x_j) W^{msg}_r

    .. math::
        x_i' = \beta_{\tau(i)}\, A_{\tau(i)}\, \mathrm{gelu}(m_i) + (1 - \beta_{\tau(i)})\, x_i

    How relations are used: each, in either direction, has a matrix for attention, one for messages and a
    prior μ, per head.

    Differences from the paper: β is a learned share of the update, as in its code, where eq. 5 adds both in
    full; entities are one kind of node, as a knowledge graph of relations does not tell their types; no
    relative time, no sampling.

    Args:
        in_dim: width of the features, in, hidden and out.
        num_relations: R.
        num_layers: ≥ 1.
        num_heads: ≥ 1, divides ``in_dim``.
        dropout: on each layer's update, probability in [0, 1).

    Raises:
        InputError: a setting outside its range, or heads that do not divide the width.
    """

    def __init__(
        self, in_dim: int, num_relations: int, *, num_layers: int, num_heads: int, dropout: float
    ) -> None:
        super().__init__(in_dim, num_relations, out_dim=in_dim)
        if in_dim % check_width("num_heads", num_heads):
            raise InputError(f"gnn.num_heads is {num_heads}; expected a divisor of the width {in_dim}")
        self.layers = nn.ModuleList(
            HGTLayer(in_dim, num_relations, num_heads) for _ in range(check_layers(num_layers))
        )
        self.dropout = check_dropout(dropout)

    def forward(self, x: Tensor, graph: Graph) -> Tensor:
        """``[N, in_dim]`` to ``[N, in_dim]``."""
        self.check_inputs(x, graph)
        kinds = node_kinds(graph).to(x.dtype)
        for layer in self.layers:
            update, share = layer(x, graph, kinds)
            x = share * F.dropout(update, self.dropout, self.training) + (1 - share) * x
        return x


class HGTLayer(nn.Module):
    """One layer.

    Args:
        dim: D, width in and out.
        num_relations: R.
        num_heads: H, divides D.
    """

    def __init__(self, dim: int, num_relations: int, num_heads: int) -> None:
        super().__init__()
        self.keys, self.queries, self.values, self.outputs = (PerKind(dim) for _ in range(4))
        width = dim // num_heads
        self.attention = nn.Parameter(torch.empty(num_heads, num_relations, width, width))
        self.message = nn.Parameter(torch.empty(num_heads, num_relations, width, width))
        self.prior = nn.Parameter(torch.ones(num_relations, num_heads))
        self.share = nn.Parameter(torch.zeros(NODE_KINDS))
        for maps in (self.attention, self.message):
            for relation_map in maps.flatten(0, 1):
                nn.init.orthogonal_(relation_map)

    def forward(self, x: Tensor, graph: Graph, kinds: Tensor) -> tuple[Tensor, Tensor]:
        """One step of messages.

        Args:
            x: ``[N, D]``.
            graph: the graph.
            kinds: ``[N, 3]`` one-hot.

        Returns:
            Update ``[N, D]`` and β ``[N, 1]``.
        """
        structure = graph_structure(graph)
        ends, target = structure.relational_ends, graph.edge_index[1]
        heads = len(self.attention)
        keys, queries, values = (
            part(x, kinds).chunk(heads, dim=1) for part in (self.keys, self.queries, self.values)
        )
        priors = (structure.edge_relations.ones() @ self.prior) / keys[0].shape[1] ** 0.5  # [E, H]
        weights = edge_weights(graph).to(priors.dtype)
        messages = []
        for head in range(heads):
            seen = ends.sources.project(keys[head], self.attention[head])
            scores = edge_scores(ends.into_nodes, queries[head], seen) * priors[:, head]
            attention = edge_softmax(scores, ends.edges_of_node, target, weights)
            told = ends.sources.project(values[head], self.message[head])
            messages.append(SparseMatrix(ends.into_nodes, attention) @ told)
        update = self.outputs(F.gelu(torch.cat(messages, dim=1)), kinds)
        return update, kinds @ torch.sigmoid(self.share).unsqueeze(1)


class PerKind(nn.Module):
    """A linear map for each kind of node.

    Args:
        dim: D, width in and out.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.maps = nn.ModuleList(nn.Linear(dim, dim) for _ in range(NODE_KINDS))

    def forward(self, x: Tensor, kinds: Tensor) -> Tensor:
        """``[N, D]`` and one-hot kinds ``[N, 3]`` to ``[N, D]``."""
        mapped = [linear(x) * kinds[:, kind : kind + 1] for kind, linear in enumerate(self.maps)]
        return torch.stack(mapped).sum(dim=0)


def node_kinds(graph: Graph) -> Tensor:
    """``[N, 3]`` one-hot: user, item, and for all other nodes entity."""
    kind = torch.full((graph.num_nodes,), 2, device=graph.edge_index.device)
    kind[graph.user_nodes], kind[graph.item_nodes] = 0, 1
    return F.one_hot(kind, NODE_KINDS).float()
