"""Nodes as each of their relations sees them: one row per (node, relation), not one per edge."""

from functools import cached_property

import torch
from torch import Tensor

from kgrec.nn.csr import SparseStructure
from kgrec.nn.translation import grouped_product


class RelationPairs:
    """The distinct (node, relation) pairs at one end of a graph's edges, sorted by relation; P ≤ E.

    A user with hundreds of interactions is one row here. Rows are gathered by sparse products, whose gradient
    adds up in a fixed order.

    Args:
        nodes: ``[E]`` the node at that end of each edge.
        relations: ``[E]`` relation of each edge.
        num_nodes: N.
        num_relations: R.

    Attributes:
        of_edge: ``[E]`` pair of each edge.
    """

    def __init__(self, nodes: Tensor, relations: Tensor, num_nodes: int, num_relations: int) -> None:
        keys, self.of_edge = torch.unique(relations * num_nodes + nodes, return_inverse=True)
        pairs, relation = torch.arange(len(keys), device=keys.device), keys // num_nodes
        self._nodes = SparseStructure.build(pairs, keys % num_nodes, (len(keys), num_nodes))
        self._relations = SparseStructure.build(pairs, relation, (len(keys), num_relations))
        self._counts = torch.bincount(relation, minlength=num_relations).tolist()

    def __len__(self) -> int:
        return len(self._nodes.by_row.pointers) - 1

    def project(self, x: Tensor, maps: Tensor) -> Tensor:
        """Nodes ``[N, D]`` through the map of each pair's relation, ``[R, D, K]``: ``[P, K]``."""
        return grouped_product(self._nodes.ones() @ x, maps, self._counts)

    def of_relation(self, rows: Tensor) -> Tensor:
        """``rows [R, K]`` of each pair's relation: ``[P, K]``."""
        return self._relations.ones() @ rows


class RelationalEnds:
    """Both ends of a graph's edges in pairs, and the edges between them.

    Args:
        source, target, relations: ``[E]``.
        num_nodes: N.
        num_relations: R.

    Attributes:
        sources, targets: the pairs.
    """

    def __init__(
        self, source: Tensor, target: Tensor, relations: Tensor, num_nodes: int, num_relations: int
    ) -> None:
        self.sources = RelationPairs(source, relations, num_nodes, num_relations)
        self.targets = RelationPairs(target, relations, num_nodes, num_relations)
        self._target, self._num_nodes = target, num_nodes

    @cached_property
    def between_pairs(self) -> SparseStructure:
        """``[P_target, P_source]``: one entry per edge."""
        shape = (len(self.targets), len(self.sources))
        return SparseStructure.build(self.targets.of_edge, self.sources.of_edge, shape)

    @cached_property
    def into_nodes(self) -> SparseStructure:
        """``[N, P_source]``: one entry per edge, at its target."""
        shape = (self._num_nodes, len(self.sources))
        return SparseStructure.build(self._target, self.sources.of_edge, shape)

    @cached_property
    def edges_of_node(self) -> SparseStructure:
        """``[N, E]``: the edges that arrive at each node."""
        edges = torch.arange(len(self._target), device=self._target.device)
        return SparseStructure.build(self._target, edges, (self._num_nodes, len(edges)))
