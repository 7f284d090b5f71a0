"""CompGCN: node and relation embeddings, composed along each edge."""

from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kgrec.kg.graph import Graph
from kgrec.nn.gnn.base import GNN, check_dropout, check_layers
from kgrec.nn.sparse import (
    SparseMatrix,
    adjacency,
    directed_halves,
    graph_structure,
    symmetric_norm,
)


class Composition(ABC):
    """φ(x_j, z_r) of CompGCN, and its sum over edges in a form that needs no ``[E, D]`` tensor."""

    @abstractmethod
    def compose(self, nodes: Tensor, relation: Tensor) -> Tensor:
        """φ of ``nodes [N, D]`` with one ``relation [D]``: ``[N, D]``."""

    @abstractmethod
    def aggregate(self, x: Tensor, relations: Tensor, graph: Graph, norm: Tensor) -> Tensor:
        """``out[i] = Σ_{e = (j → i)} norm_e φ(x_j, z_{r(e)})``.

        Args:
            x: ``[N, D]`` nodes.
            relations: ``[R, D]`` z.
            graph: the edges.
            norm: ``[E]``.

        Returns:
            ``[N, D]``.
        """


class Subtraction(Composition):
    """φ(x, z) = x − z, after TransE. Two sparse products: ``A x − C z``, with C ``[N, R]`` = Σ norm_e."""

    def compose(self, nodes: Tensor, relation: Tensor) -> Tensor:
        """Difference x − z."""
        return nodes - relation

    def aggregate(self, x: Tensor, relations: Tensor, graph: Graph, norm: Tensor) -> Tensor:
        """``A x − C z``."""
        counts = SparseMatrix(graph_structure(graph).node_relations, norm)
        return adjacency(graph, norm) @ x - counts @ relations


class Multiplication(Composition):
    """φ(x, z) = x ⊙ z, after DistMult.

    Edges with the same target and relation share z, so their nodes are added up first: memory G × D with
    G ≤ E distinct (target, relation) pairs, e.g. one for all the films a user has seen.
    """

    def compose(self, nodes: Tensor, relation: Tensor) -> Tensor:
        """Product x ⊙ z, dimension by dimension."""
        return nodes * relation

    def aggregate(self, x: Tensor, relations: Tensor, graph: Graph, norm: Tensor) -> Tensor:
        """``Σ_{(i, r)} (Σ_{e ∈ (i, r)} norm_e x_j) ⊙ z_r``."""
        groups = graph_structure(graph).relation_groups
        nodes = SparseMatrix(groups.sources, norm) @ x  # [G, D]
        return groups.targets.ones() @ (nodes * (groups.relations.ones() @ relations))


class CompGCN(GNN):
    r"""CompGCN: relations are vectors, composed with the features that pass along their edges.

    From `Composition-based Multi-Relational Graph Convolutional Networks
    <https://arxiv.org/abs/1911.03082>`_ (Vashishth et al., ICLR 2020, §4).

    .. math::
        x_i' = \tfrac13 \Big( W_S\, \varphi(x_i, z_S)
            + W_O \sum_{e \in \mathrm{stated}} n_e\, \varphi(x_j, z_r)
            + W_I \sum_{e \in \mathrm{inverse}} n_e\, \varphi(x_j, z_r) \Big) + b, \qquad
        z_r' = W_{rel}\, z_r

    How relations are used: each is a vector z_r that is subtracted from (or multiplied with) what passes
    along its edges, and that is transformed from layer to layer; W depends on the direction only. The
    second half of the relation ids are the inverses of the first. n_e is the symmetric normalisation
    inside one direction.

    Differences from the paper: the factor ⅓ (as in its code), no batch normalisation (a node's output
    should not depend on the sample of nodes beside it), the activation stands between layers and not
    after the last, and degrees of source and target are counted each on its own side.

    Args:
        in_dim: width of the features, in, hidden and out.
        num_relations: R, even.
        num_layers: ≥ 1.
        composition: φ.
        dropout: on each layer's input features, probability in [0, 1).
        activation: a module without parameters.

    Raises:
        InputError: a setting outside its range.
        ValueError: R is odd.
    """

    def __init__(
        self,
        in_dim: int,
        num_relations: int,
        *,
        num_layers: int,
        composition: Composition,
        dropout: float,
        activation: nn.Module,
    ) -> None:
        super().__init__(in_dim, num_relations, out_dim=in_dim)
        if num_relations % 2:
            raise ValueError(f"{num_relations} relations, expected each with its inverse")
        self.layers = nn.ModuleList(
            CompGCNLayer(in_dim, composition) for _ in range(check_layers(num_layers))
        )
        # The last row is the self loop's relation z_S.
        self.relations = nn.Parameter(torch.empty(num_relations + 1, in_dim))
        # No update after the last layer: nothing would read it.
        self.relation_updates = nn.ModuleList(
            nn.Linear(in_dim, in_dim, bias=False) for _ in range(num_layers - 1)
        )
        self.dropout = check_dropout(dropout)
        self.activation = activation
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Glorot for relations and their updates."""
        for matrix in (self.relations, *self.relation_updates.parameters()):
            nn.init.xavier_uniform_(matrix)

    def relation_weights(self) -> Tensor:
        """Length of each z of the first layer."""
        return self.relations[:-1].norm(dim=1)

    @property
    def reach(self) -> int:
        """A step per layer."""
        return len(self.layers)

    def forward(self, x: Tensor, graph: Graph) -> Tensor:
        """``[N, in_dim]`` to ``[N, in_dim]``."""
        self.check_inputs(x, graph)
        stated, inverse = ((half, symmetric_norm(half)) for half in directed_halves(graph))
        relations: Tensor = self.relations
        for depth, layer in enumerate(self.layers):
            if depth:
                x = self.activation(x)
                relations = self.relation_updates[depth - 1](relations)
            x = layer(F.dropout(x, self.dropout, self.training), relations, stated, inverse)
        return x


class CompGCNLayer(nn.Module):
    """One layer, with a map for each of the three directions.

    Args:
        dim: D, width in and out.
        composition: φ.
    """

    def __init__(self, dim: int, composition: Composition) -> None:
        super().__init__()
        self.composition = composition
        self.stated = nn.Linear(dim, dim, bias=False)
        self.inverse = nn.Linear(dim, dim, bias=False)
        self.self_loop = nn.Linear(dim, dim, bias=False)
        self.bias = nn.Parameter(torch.zeros(dim))
        for linear in (self.stated, self.inverse, self.self_loop):
            nn.init.xavier_uniform_(linear.weight)

    def forward(
        self,
        x: Tensor,
        relations: Tensor,
        stated: tuple[Graph, Tensor],
        inverse: tuple[Graph, Tensor],
    ) -> Tensor:
        """One step of messages.

        Args:
            x: ``[N, D]`` nodes.
            relations: ``[R + 1, D]``, the self loop's last.
            stated: edges as stated and their norm ``[E / 2]``.
            inverse: inverse edges and their norm ``[E / 2]``.

        Returns:
            ``[N, D]``.
        """
        edge_relations, loop_relation = relations[:-1], relations[-1]
        out = self.self_loop(self.composition.compose(x, loop_relation))
        out = out + self.stated(self.composition.aggregate(x, edge_relations, *stated))
        out = out + self.inverse(self.composition.aggregate(x, edge_relations, *inverse))
        return out / 3 + self.bias
