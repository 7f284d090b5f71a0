"""R-GCN: one linear map per relation, made from a few shared bases."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kgrec.errors import InputError
from kgrec.kg.graph import Graph
from kgrec.nn.gnn.base import GNN, check_dropout, check_layers
from kgrec.nn.sparse import Incoming, SparseMatrix, graph_structure, normalised_adjacency


class RGCN(GNN):
    r"""R-GCN: a mean over neighbours and a linear map of its own for each relation.

    From `Modeling Relational Data with Graph Convolutional Networks
    <https://arxiv.org/abs/1703.06103>`_ (Schlichtkrull et al., ESWC 2018, §2.1–2.2, eqs. 2 and 3).

    .. math::
        x_i' = W_0 x_i + c + \sum_r \sum_{e = (j \to i) \in r} \frac{w_e}{c_{i,r}} W_r x_j, \qquad
        W_r = \sum_b a_{rb} V_b

    How relations are used: each has its own map W_r, and its own mean over neighbours. The sum over
    relations is pulled inside, ``Σ_b (A_b x) V_b`` with ``A_b = Σ_r a_rb A_r``, so a layer costs
    ``num_bases`` sparse products whatever the number of relations.

    Differences from the paper: a bias c (as in its code); the activation σ stands between layers and not
    after the last, so that outputs may have either sign; edge dropout is the caller's, through
    ``graph.edge_weight``; ``dropout`` is on each layer's input features.

    Args:
        in_dim: width of the features, in, hidden and out.
        num_relations: R.
        num_layers: ≥ 1.
        num_bases: B ≥ 1.
        normalization: 1/c of each edge, a function of the graph from :mod:`kgrec.nn.sparse`: the paper
            leaves c to the problem (§2.1) and takes :func:`~kgrec.nn.sparse.relation_norm`, a mean over
            the neighbours of each relation; :func:`~kgrec.nn.sparse.symmetric_norm` lets an item with
            many facts have longer features, and gives common entities less say.
        dropout: probability in [0, 1).
        activation: σ, a module without parameters.

    Raises:
        InputError: a setting outside its range.
    """

    def __init__(
        self,
        in_dim: int,
        num_relations: int,
        *,
        num_layers: int,
        num_bases: int,
        normalization: Callable[[Graph], Tensor],
        dropout: float,
        activation: nn.Module,
    ) -> None:
        super().__init__(in_dim, num_relations, out_dim=in_dim)
        if num_bases < 1:
            raise InputError(f"gnn.num_bases is {num_bases}; expected ≥ 1")
        self.layers = nn.ModuleList(
            RGCNLayer(in_dim, num_relations, num_bases) for _ in range(check_layers(num_layers))
        )
        self.normalization = normalization
        self.dropout = check_dropout(dropout)
        self.activation = activation

    @property
    def reach(self) -> int:
        """A step per layer."""
        return len(self.layers)

    def relation_weights(self) -> Tensor:
        """Length (Frobenius norm) of each W_r, a mean over the layers."""
        layers: Any = self.layers
        lengths = [relation_lengths(layer.coefficients, layer.bases) for layer in layers]
        return torch.stack(lengths).mean(dim=0)

    def forward(self, x: Tensor, graph: Graph) -> Tensor:
        """``[N, in_dim]`` to ``[N, in_dim]``."""
        return self._features(x, graph, None)

    def at(self, x: Tensor, graph: Graph, nodes: Tensor) -> Tensor:
        """The last layer is computed for ``nodes`` alone."""
        return self._features(x, graph, nodes)

    def _features(self, x: Tensor, graph: Graph, nodes: Tensor | None) -> Tensor:
        self.check_inputs(x, graph)
        structure = graph_structure(graph)
        norm = normalised_adjacency(graph, self.normalization).values
        for depth, layer in enumerate(self.layers):
            if depth:
                x = self.activation(x)
            wanted = nodes if depth == len(self.layers) - 1 else None
            x = F.dropout(x, self.dropout, self.training)
            own = x if wanted is None else x.index_select(0, wanted)
            x = layer(x, own, structure.incoming(wanted), norm)
        return x


class RGCNLayer(nn.Module):
    """One layer: ``W_0 x + c + Σ_b (A_b x) V_b``.

    Args:
        dim: D, width in and out.
        num_relations: R.
        num_bases: B.
    """

    def __init__(self, dim: int, num_relations: int, num_bases: int) -> None:
        super().__init__()
        self.bases = nn.Parameter(torch.empty(num_bases, dim, dim))
        self.coefficients = nn.Parameter(torch.empty(num_relations, num_bases))
        self.self_loop = nn.Linear(dim, dim)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Orthogonal matrices and equal relations: a layer begins as a plain average that keeps lengths."""
        for basis in self.bases:
            nn.init.orthogonal_(basis)
        nn.init.constant_(self.coefficients, len(self.bases) ** -0.5)
        nn.init.orthogonal_(self.self_loop.weight)
        nn.init.zeros_(self.self_loop.bias)

    def forward(self, x: Tensor, own: Tensor, incoming: Incoming, norm: Tensor) -> Tensor:
        """One step of messages into n of N nodes.

        Args:
            x: ``[N, D]`` what may be sent.
            own: ``[n, D]`` of the nodes that receive.
            incoming: the edges into these.
            norm: ``[E]`` w_e / c_{i,r} of all edges.

        Returns:
            ``[n, D]``.
        """
        # [e, B]: a_rb · w_e / c_{i,r}. A sparse product instead of coefficients[edge_type], because the
        # gradient of indexing adds up e numbers in R rows by scatter.
        values = SparseMatrix(incoming.relations, incoming.of(norm)) @ self.coefficients
        out: Tensor = self.self_loop(own)
        for basis_values, basis in zip(values.unbind(1), self.bases, strict=True):
            out = out + (SparseMatrix(incoming.adjacency, basis_values) @ x) @ basis
        return out


def relation_lengths(coefficients: Tensor, bases: Tensor) -> Tensor:
    """``[R]``: the Frobenius norm of each ``W_r = Σ_b a_rb V_b``, without building any.

    Args:
        coefficients: ``[R, B]`` a.
        bases: ``[B, D, D]`` V.
    """
    flat = bases.flatten(1)
    squared = ((coefficients @ (flat @ flat.T)) * coefficients).sum(dim=1)
    return squared.clamp(min=0).sqrt()
