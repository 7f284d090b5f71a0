"""The sparse matrices of a graph: adjacency, normalisation, relations.

Every graph network of kgrec is a handful of lines over these::

    matrix = normalised_adjacency(graph, symmetric_norm)
    x = matrix @ x        # out[i] = Σ_{edges e = (j → i)} norm_e · x[j]

All normalisations count ``graph.edge_weight`` (≥ 0; 1 = present), so an edge of weight 0 is as good as
absent: it carries nothing and nobody's degree counts it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from kgrec.kg.graph import Graph
from kgrec.nn.csr import SparseMatrix, SparseStructure
from kgrec.nn.relation_pairs import RelationalEnds

__all__ = [
    "GraphStructure",
    "Incoming",
    "RelationGroups",
    "SparseMatrix",
    "SparseStructure",
    "adjacency",
    "balanced_tfidf_norm",
    "directed_halves",
    "edge_weights",
    "graph_structure",
    "mean_norm",
    "normalised_adjacency",
    "relation_norm",
    "symmetric_norm",
    "tfidf_norm",
]


@dataclass(frozen=True)
class RelationGroups:
    """Edges that share target node and relation, as one group each (G groups ≤ E edges).

    Attributes:
        of_edge: ``[E]`` group of each edge.
        edges: ``[G, E]`` which edges a group holds.
        sources: ``[G, N]`` source nodes of a group's edges.
        relations: ``[G, R]`` relation of each group.
        targets: ``[N, G]`` groups that arrive at each node.
    """

    of_edge: Tensor
    edges: SparseStructure
    sources: SparseStructure
    relations: SparseStructure
    targets: SparseStructure


@dataclass(frozen=True)
class Incoming:
    """The edges that arrive at some nodes (n of them, with e edges).

    Attributes:
        edges: ``[e]`` which edges these are; ``None`` = all.
        adjacency: ``[n, N]``: row = place of the target among the nodes, column = source.
        relations: ``[e, R]``: row = edge, column = its relation; hands each edge its relation's numbers.
    """

    edges: Tensor | None
    adjacency: SparseStructure
    relations: SparseStructure

    def of(self, values: Tensor) -> Tensor:
        """These edges' share ``[e]`` of ``values [E]``."""
        return values if self.edges is None else values.index_select(0, self.edges)


class GraphStructure:
    """The patterns of one typed edge list, each sorted when first asked for and then kept.

    Args:
        graph: only ``edge_index``, ``edge_type`` and the two sizes are read, never the weights. Edges
            are copied: a reference to ``graph``'s tensors would keep them, the keys of the cache, alive.
    """

    def __init__(self, graph: Graph) -> None:
        self.num_nodes = graph.num_nodes
        self.num_relations = graph.num_relations
        self.source, self.target = graph.edge_index.clone().unbind(0)
        self.edge_type = graph.edge_type.clone()
        self.unweighted: dict[Callable[[Graph], Tensor], SparseMatrix] = {}
        """Normalised adjacencies of the graph without weights, by their norm."""
        self.weighted = WeakTensorKeyDictionary()
        """Edge weights → the same for the graph with these weights."""
        self._incoming = WeakTensorKeyDictionary()

    @cached_property
    def adjacency(self) -> SparseStructure:
        """``[N, N]``: row = target, column = source, one entry per edge."""
        return SparseStructure.build(self.target, self.source, (self.num_nodes, self.num_nodes))

    @cached_property
    def node_relations(self) -> SparseStructure:
        """``[N, R]``: row = target, column = relation, one entry per edge."""
        return SparseStructure.build(self.target, self.edge_type, (self.num_nodes, self.num_relations))

    @cached_property
    def edge_relations(self) -> SparseStructure:
        """``[E, R]``: row = edge, column = its relation; hands each edge its relation's numbers."""
        edges = torch.arange(len(self.edge_type), device=self.edge_type.device)
        return SparseStructure.build(edges, self.edge_type, (len(edges), self.num_relations))

    def incoming(self, nodes: Tensor | None = None) -> Incoming:
        """The edges into ``nodes [n]``, each named once and kept as long as the tensor; ``None`` = all."""
        if nodes is None:
            return Incoming(None, self.adjacency, self.edge_relations)
        if nodes not in self._incoming:
            place = self.target.new_full((self.num_nodes,), -1)
            place[nodes] = torch.arange(len(nodes), device=nodes.device)
            edges = torch.nonzero(place[self.target] >= 0).squeeze(1)
            order = torch.arange(len(edges), device=edges.device)
            self._incoming[nodes] = Incoming(
                edges,
                SparseStructure.build(
                    place[self.target[edges]], self.source[edges], (len(nodes), self.num_nodes)
                ),
                SparseStructure.build(order, self.edge_type[edges], (len(edges), self.num_relations)),
            )
        incoming: Incoming = self._incoming[nodes]
        return incoming

    @cached_property
    def relation_groups(self) -> RelationGroups:
        """Edges grouped by (target, relation)."""
        keys, of_edge = torch.unique(self.target * self.num_relations + self.edge_type, return_inverse=True)
        groups = torch.arange(len(keys), device=keys.device)
        edges = torch.arange(len(of_edge), device=keys.device)
        return RelationGroups(
            of_edge=of_edge,
            edges=SparseStructure.build(of_edge, edges, (len(groups), len(edges))),
            sources=SparseStructure.build(of_edge, self.source, (len(groups), self.num_nodes)),
            relations=SparseStructure.build(
                groups, keys % self.num_relations, (len(groups), self.num_relations)
            ),
            targets=SparseStructure.build(keys // self.num_relations, groups, (self.num_nodes, len(groups))),
        )

    @cached_property
    def relational_ends(self) -> RelationalEnds:
        """Source and target nodes as each of their relations sees them."""
        return RelationalEnds(self.source, self.target, self.edge_type, self.num_nodes, self.num_relations)

    @cached_property
    def halves(self) -> tuple[tuple[Tensor, Tensor, Tensor], ...]:
        """``(edge ids, edge_index, edge_type)`` of the edges as stated and of their inverses."""
        inverse = self.edge_type >= self.num_relations // 2
        edge_index = torch.stack([self.source, self.target])
        ids = [torch.nonzero(mask).squeeze(1) for mask in (~inverse, inverse)]
        return tuple((half, edge_index[:, half], self.edge_type[half]) for half in ids)


# edge_index → edge_type → structure. Keys are compared by identity and held weakly: a graph with other
# weights shares the tensors, hence the structure, and a graph that is no longer used frees it.
_STRUCTURES = WeakTensorKeyDictionary()


def graph_structure(graph: Graph) -> GraphStructure:
    """The patterns of ``graph``, sorted once per pair of ``edge_index`` and ``edge_type`` tensors.

    A graph's tensors must therefore never be changed in place; ``with_edge_weight`` and ``to`` are safe.
    """
    by_type = _STRUCTURES.setdefault(graph.edge_index, WeakTensorKeyDictionary())
    structure = by_type.get(graph.edge_type)
    sizes = (graph.num_nodes, graph.num_relations)
    if structure is None or (structure.num_nodes, structure.num_relations) != sizes:
        structure = by_type[graph.edge_type] = GraphStructure(graph)
    return structure


def adjacency(graph: Graph, values: Tensor) -> SparseMatrix:
    """``[N, N]`` matrix with ``values [E]``: ``(A x)[i] = Σ_{e = (j → i)} values_e · x[j]``."""
    return SparseMatrix(graph_structure(graph).adjacency, values)


def normalised_adjacency(graph: Graph, norm: Callable[[Graph], Tensor]) -> SparseMatrix:
    """``adjacency(graph, norm(graph))``, computed once for a graph's weights, unless these are learned.

    Such values never change; so every step of a training multiplies by one and the same matrix, and both its
    layouts are made once. What was made for weights is dropped with them.

    Args:
        graph: see :func:`graph_structure`.
        norm: one of the norms below; the result is kept under the function itself.
    """
    weights = graph.edge_weight
    if weights is not None and weights.requires_grad:
        return adjacency(graph, norm(graph))
    structure = graph_structure(graph)
    kept = structure.unweighted if weights is None else structure.weighted.setdefault(weights, {})
    if norm not in kept:
        kept[norm] = adjacency(graph, norm(graph))
    return kept[norm]


def edge_weights(graph: Graph) -> Tensor:
    """``[E]`` the weights, all 1 (float32) where the graph has none."""
    if graph.edge_weight is not None:
        return graph.edge_weight
    return torch.ones(graph.num_edges, device=graph.edge_index.device)


def symmetric_norm(graph: Graph) -> Tensor:
    """``[E]``: w_e / √(d_in(target) · d_out(source)), degrees weighted.

    On graphs whose edges all have their inverse this is D^-½ A D^-½ of LightGCN and GCN. The source's
    **out**-degree is used so that an edge dropped in one direction only cannot lead to 1/0.
    """
    weights = edge_weights(graph)
    matrix = adjacency(graph, weights)
    source, target = graph.edge_index
    return weights * _safe(matrix.row_sums()).rsqrt()[target] * _safe(matrix.column_sums()).rsqrt()[source]


def mean_norm(graph: Graph) -> Tensor:
    """``[E]``: w_e / d_in(target): the product becomes a mean over incoming edges."""
    weights = edge_weights(graph)
    return weights / _safe(adjacency(graph, weights).row_sums())[graph.edge_index[1]]


def relation_norm(graph: Graph) -> Tensor:
    """``[E]``: w_e / c_{i,r}, with c_{i,r} the weighted number of edges of relation r into target i."""
    weights = edge_weights(graph)
    groups = graph_structure(graph).relation_groups
    return weights / _safe(SparseMatrix(groups.edges, weights).row_sums())[groups.of_edge]


def tfidf_norm(graph: Graph) -> Tensor:
    r"""``[E]``: w_e · idf(source) / √Σ (w · idf)² over the target's incoming edges.

    With :math:`\mathrm{idf}(j) = \ln (1 + N / d_{out}(j))`: rare neighbours say more than
    common ones, and the weights of a node's neighbourhood have length 1 however many there are, as tf-idf
    vectors have.
    """
    return _unit_neighbourhoods(graph, _weighted_idf(graph))


def balanced_tfidf_norm(graph: Graph) -> Tensor:
    r"""``[E]``: :func:`tfidf_norm` with relations that have many edges held back.

    The weights w · idf of each relation into a node are divided by the square root of their length before the
    node's are scaled to length 1, so that thirty actors do not drown one director: a relation's say grows
    with the fourth root of its number of edges, not with the square root.
    """
    idf = _weighted_idf(graph)
    groups = graph_structure(graph).relation_groups
    squares = _safe(SparseMatrix(groups.edges, idf * idf).row_sums())
    return _unit_neighbourhoods(graph, idf * squares.pow(-0.25)[groups.of_edge])


def directed_halves(graph: Graph) -> tuple[Graph, Graph]:
    """The graph with the edges as stated only, and with their inverses only.

    Relation ids stay as they are: ``r + R/2`` is the inverse of ``r``.

    Raises:
        ValueError: an odd number of relations, which cannot be half inverses.
    """
    if graph.num_relations % 2:
        raise ValueError(f"{graph.num_relations} relations, expected each with its inverse")
    halves = [
        replace(
            graph,
            edge_index=edge_index,
            edge_type=edge_type,
            edge_weight=None if graph.edge_weight is None else graph.edge_weight[ids],
        )
        for ids, edge_index, edge_type in graph_structure(graph).halves
    ]
    return halves[0], halves[1]


def _weighted_idf(graph: Graph) -> Tensor:
    """``[E]``: w_e · idf of the edge's source."""
    weights = edge_weights(graph)
    degree = _safe(adjacency(graph, weights).column_sums())
    num_nodes = graph.num_nodes if graph.whole is None else graph.whole
    return weights * torch.log1p(num_nodes / degree)[graph.edge_index[0]]


def _unit_neighbourhoods(graph: Graph, values: Tensor) -> Tensor:
    """``values [E]``, those of each node's incoming edges scaled to length 1."""
    return values * _safe(adjacency(graph, values * values).row_sums()).rsqrt()[graph.edge_index[1]]


def _safe(degrees: Tensor) -> Tensor:
    """Degrees to divide by: 0 becomes 1, harmless because all edges counted there weigh 0."""
    return degrees.masked_fill(degrees == 0, 1)
