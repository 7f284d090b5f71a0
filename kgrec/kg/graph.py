"""The collaborative knowledge graph: the only place where user, item and entity ids meet."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from kgrec.shapes import IntArray, Pairs, Triples

INTERACTS = "interacts"
INVERSE_SUFFIX = "^-1"


@dataclass(frozen=True)
class Graph:
    """Typed, directed edges over users, items and the entities that are no item.

    Each item has a node of its own, so that a cold item never shares a node with a warm one: where an
    entity is linked by an item, the item's node takes the entity's place in every triple; where several
    items link to one entity, each gets its own copy of that entity's triples. Messages run from
    ``edge_index[0]`` to ``edge_index[1]``; every edge has its inverse with a relation id of its own.

    Attributes:
        edge_index: ``[2, E]`` source node, target node.
        edge_type: ``[E]`` relation id in ``[0, num_relations)``.
        num_nodes: N.
        relation_names: one per relation id; ``interacts`` and ``…^-1`` among them.
        user_nodes: ``[U]`` node of each user.
        item_nodes: ``[I]`` node of each item.
        has_kg: ``[I]`` whether the item has at least one triple.
        edge_weight: ``[E]`` 1 = present, 0 = dropped; ``None`` = all present. Normalisation counts
            weighted degrees, so an edge of weight 0 is as good as absent.
        whole: number of nodes of the graph that this is a part of; ``None`` = it is no part.
    """

    edge_index: Tensor
    edge_type: Tensor
    num_nodes: int
    relation_names: tuple[str, ...]
    user_nodes: Tensor
    item_nodes: Tensor
    has_kg: Tensor
    edge_weight: Tensor | None = None
    whole: int | None = None

    @property
    def num_relations(self) -> int:
        """Relations, inverses and interactions included."""
        return len(self.relation_names)

    @property
    def num_edges(self) -> int:
        """Directed edges, inverses included."""
        return int(self.edge_index.shape[1])

    @cached_property
    def is_interaction(self) -> Tensor:
        """``[E]`` whether the edge is a training interaction (either direction)."""
        half = self.num_relations // 2  # by id: a relation of the data may bear any name
        return (self.edge_type == half - 1) | (self.edge_type == self.num_relations - 1)

    @property
    def triples(self) -> Triples:
        """``[T, 3]`` head, relation, tail over nodes: the edges as stated, interactions among them."""
        forward = self.edge_type < self.num_relations // 2
        source, target = self.edge_index[:, forward]
        return torch.stack([source, self.edge_type[forward], target], dim=1).cpu().numpy()

    @property
    def num_items(self) -> int:
        """I."""
        return len(self.item_nodes)

    @property
    def entity_nodes(self) -> Tensor:
        """Nodes that are neither user nor item; they come last."""
        first = len(self.user_nodes) + len(self.item_nodes)
        return torch.arange(first, self.num_nodes, device=self.edge_index.device)

    def with_edge_weight(self, edge_weight: Tensor) -> "Graph":
        """The same structure with other weights ``[E]``."""
        return replace(self, edge_weight=edge_weight)

    def pruned(self, keep: Tensor) -> "Graph":
        """The graph of the edges in ``keep [E]``, without the entities that then have no edge.

        Users and items keep their nodes; the entities left are numbered anew, in their old order
        (:func:`kept_nodes` tells which they are).
        """
        new_id = torch.full((self.num_nodes,), -1)
        kept = kept_nodes(self, keep)
        new_id[kept] = torch.arange(len(kept))
        return replace(
            self,
            edge_index=new_id[self.edge_index[:, keep]],
            edge_type=self.edge_type[keep],
            num_nodes=len(kept),
            edge_weight=None if self.edge_weight is None else self.edge_weight[keep],
        )

    def to(self, device: torch.device | str) -> "Graph":
        """The graph with its tensors on ``device``."""
        return replace(
            self,
            edge_index=self.edge_index.to(device),
            edge_type=self.edge_type.to(device),
            user_nodes=self.user_nodes.to(device),
            item_nodes=self.item_nodes.to(device),
            has_kg=self.has_kg.to(device),
            edge_weight=None if self.edge_weight is None else self.edge_weight.to(device),
        )


def node_names(
    user_names: Sequence[str],
    item_names: Sequence[str],
    entity_names: Sequence[str],
    item_to_entity: IntArray,
) -> list[str]:
    """Names of the nodes of :func:`build_graph`: users, items, then entities that are no item."""
    of_items = set(item_to_entity.tolist())
    others = [name for entity, name in enumerate(entity_names) if entity not in of_items]
    return [*user_names, *item_names, *others]


def with_item_edges(graph: Graph, pairs: Pairs, weights: Tensor, name: str) -> Graph:
    """The graph with one more relation between items, in both directions.

    Args:
        graph: edges without a weight count 1 afterwards.
        pairs: ``[n, 2]`` item ids.
        weights: ``[n]`` ≥ 0, weight of each pair's two edges.
        name: of the new relation; it becomes the last one before ``interacts``.
    """
    half = graph.num_relations // 2
    new = half - 1  # the interactions move up by one
    shifted = graph.edge_type + (graph.edge_type >= half).long()
    shifted = shifted + ((graph.edge_type % half) == new).long()
    nodes = graph.item_nodes[torch.from_numpy(np.ascontiguousarray(pairs.T)).to(graph.item_nodes.device)]
    types = torch.full((len(pairs),), new, device=nodes.device)
    before = graph.edge_weight
    if before is None:
        before = torch.ones(graph.num_edges, device=nodes.device)
    # Forward edges fill the first half of the list and their inverses the second, in the same order.
    forward = graph.edge_type < half
    order = [forward.nonzero().squeeze(1), (~forward).nonzero().squeeze(1)]
    names = list(graph.relation_names)
    return replace(
        graph,
        edge_index=torch.cat(
            [graph.edge_index[:, order[0]], nodes, graph.edge_index[:, order[1]], nodes.flip(0)], dim=1
        ),
        edge_type=torch.cat([shifted[order[0]], types, shifted[order[1]], types + half + 1]),
        edge_weight=torch.cat([before[order[0]], weights, before[order[1]], weights]),
        relation_names=(*names[:new], name, *names[new : half + new], name + INVERSE_SUFFIX, names[-1]),
    )


def kept_nodes(graph: Graph, keep: Tensor) -> Tensor:
    """Nodes of ``graph.pruned(keep)`` by their id in ``graph``: users, items, entities with an edge."""
    used = torch.zeros(graph.num_nodes, dtype=torch.bool)
    used[graph.edge_index[:, keep].flatten()] = True
    used[graph.user_nodes] = used[graph.item_nodes] = True
    return used.nonzero().squeeze(1)


def build_graph(
    num_users: int,
    num_items: int,
    num_entities: int,
    relation_names: list[str],
    interactions: Pairs,
    triples: Triples,
    item_to_entity: IntArray,
) -> Graph:
    """Join training interactions, triples and links into one graph.

    Args:
        num_users: U.
        num_items: I.
        num_entities: E.
        relation_names: R names of the triples' relations.
        interactions: ``[n, 2]`` **training** interactions only.
        triples: ``[T, 3]``.
        item_to_entity: ``[I]``, -1 = unlinked.

    Returns:
        The graph with inverse edges and both directions of the interactions; self loops and duplicate
        triples are dropped.

    Raises:
        ValueError: an id outside its range.
    """
    if len(item_to_entity) != num_items:
        raise ValueError(f"item_to_entity has {len(item_to_entity)} rows, expected {num_items} items")
    _check_range("interaction user", interactions[:, 0], num_users)
    _check_range("interaction item", interactions[:, 1], num_items)
    _check_range("link", item_to_entity[item_to_entity >= 0], num_entities)
    _check_range("triple head", triples[:, 0], num_entities)
    _check_range("triple relation", triples[:, 1], len(relation_names))
    _check_range("triple tail", triples[:, 2], num_entities)

    nodes_of_entity, num_nodes = nodes_of_entities(num_users, num_items, num_entities, item_to_entity)
    facts = _triples_over_nodes(triples, nodes_of_entity)
    has_kg = np.zeros(num_nodes, dtype=bool)
    has_kg[facts[:, 0]] = has_kg[facts[:, 2]] = True

    num_facts_relations = len(relation_names)
    users, items = interactions[:, 0], interactions[:, 1] + num_users
    heads = np.concatenate([facts[:, 0], users])
    tails = np.concatenate([facts[:, 2], items])
    types = np.concatenate([facts[:, 1], np.full(len(users), num_facts_relations)])
    num_forward = num_facts_relations + 1
    names = [*relation_names, INTERACTS]
    item_nodes = np.arange(num_items) + num_users
    return Graph(
        edge_index=torch.from_numpy(
            np.stack([np.concatenate([heads, tails]), np.concatenate([tails, heads])])
        ),
        edge_type=torch.from_numpy(np.concatenate([types, types + num_forward])),
        num_nodes=num_nodes,
        relation_names=(*names, *(name + INVERSE_SUFFIX for name in names)),
        user_nodes=torch.arange(num_users),
        item_nodes=torch.from_numpy(item_nodes),
        has_kg=torch.from_numpy(has_kg[item_nodes]),
    )


def _check_range(what: str, ids: IntArray, size: int) -> None:
    if len(ids) and (ids.min() < 0 or ids.max() >= size):
        raise ValueError(f"{what} ids lie in [{ids.min()}, {ids.max()}], expected [0, {size})")


def nodes_of_entities(
    num_users: int, num_items: int, num_entities: int, item_to_entity: IntArray
) -> tuple[list[IntArray], int]:
    """Nodes of each entity: those of the items that link to it, else one node of its own."""
    owners: dict[int, list[int]] = {}
    for item, entity in enumerate(item_to_entity.tolist()):
        if entity >= 0:
            owners.setdefault(entity, []).append(num_users + item)
    next_node = num_users + num_items
    nodes: list[IntArray] = []
    for entity in range(num_entities):
        if entity in owners:
            nodes.append(np.array(owners[entity], dtype=np.int64))
        else:
            nodes.append(np.array([next_node], dtype=np.int64))
            next_node += 1
    return nodes, next_node


def _triples_over_nodes(triples: Triples, nodes_of_entity: list[IntArray]) -> Triples:
    """Triples with node ids; a shared entity's triples are copied to each of its items."""
    copies = np.array([len(nodes) for nodes in nodes_of_entity], dtype=np.int64)
    first = np.array([nodes[0] for nodes in nodes_of_entity], dtype=np.int64)
    triples = triples.reshape(-1, 3)
    triples = triples[triples[:, 0] != triples[:, 2]]  # before copying: else a loop would join the copies
    single = (copies[triples[:, 0]] == 1) & (copies[triples[:, 2]] == 1)
    plain = triples[single]
    rows = [np.stack([first[plain[:, 0]], plain[:, 1], first[plain[:, 2]]], axis=1)]
    for head, relation, tail in triples[~single].tolist():
        rows.extend(
            np.array([[h, relation, t]]) for h in nodes_of_entity[head] for t in nodes_of_entity[tail]
        )
    return np.unique(np.concatenate(rows), axis=0)
