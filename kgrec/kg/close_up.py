"""An entity and what it is joined to, chosen and named for a picture."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kgrec.shapes import IntArray, Triples


@dataclass(frozen=True)
class Leaf:
    """A neighbour.

    Attributes:
        name: title of the item that it is, else its own name.
        is_item: whether an item links to it.
        others: further items that it is joined to, those with the most facts first.
        left_out: how many more of them there are.
    """

    name: str
    is_item: bool
    others: tuple[str, ...]
    left_out: int


@dataclass(frozen=True)
class Branch:
    """Neighbours that the same relations join to the entity.

    Attributes:
        relations: name, and whether the entity is the head of the fact.
        leaves: items first, then those with the most facts.
        left_out: how many more there are.
    """

    relations: tuple[tuple[str, bool], ...]
    leaves: tuple[Leaf, ...]
    left_out: int


def branches_of(
    entity: int,
    triples: Triples,
    item_to_entity: IntArray,
    entity_names: Sequence[str],
    relation_names: Sequence[str],
    item_names: Sequence[str],
    max_leaves: int,
    max_others: int,
) -> list[Branch]:
    """The neighbours of an entity, each once, by the relations that join them to it.

    Args:
        entity: entity id.
        triples: ``[T, 3]``; repeated ones count once, and one from the entity to itself is left out.
        item_to_entity: ``[I]``, -1 where unlinked.
        entity_names: E names.
        relation_names: R names.
        item_names: I titles (or raw ids).
        max_leaves: neighbours of a branch, at most.
        max_others: further items told of a neighbour that is no item, at most.

    Returns:
        Branches in the order of their first relation; facts that start at the entity before those that end.
    """
    triples = np.unique(triples[triples[:, 0] != triples[:, 2]], axis=0)
    titles: dict[int, list[str]] = defaultdict(list)
    for item, linked in enumerate(item_to_entity.tolist()):
        titles[linked].append(item_names[item])
    titles.pop(-1, None)  # of the unlinked
    fame = np.bincount(triples[:, [0, 2]].ravel(), minlength=len(entity_names))

    def others_of(node: int) -> list[int]:
        around = np.concatenate([triples[triples[:, 0] == node, 2], triples[triples[:, 2] == node, 0]])
        return [other for other in by_fame(np.unique(around).tolist()) if other in titles and other != entity]

    def by_fame(nodes: Sequence[int]) -> list[int]:
        return sorted(nodes, key=lambda node: (node not in titles, -fame[node], node))

    def leaf(node: int) -> Leaf:
        if node in titles:
            return Leaf(", ".join(titles[node]), True, (), 0)
        others = others_of(node)
        told = tuple(", ".join(titles[other]) for other in others[:max_others])
        return Leaf(entity_names[node], False, told, len(others) - len(told))

    joined: dict[int, list[tuple[bool, int]]] = defaultdict(list)  # sorted before they are used as a key
    for head, relation, tail in triples[(triples[:, [0, 2]] == entity).any(axis=1)].tolist():
        joined[tail if head == entity else head].append((head != entity, relation))
    groups: dict[tuple[tuple[bool, int], ...], list[int]] = defaultdict(list)
    for node, relations in joined.items():
        groups[tuple(sorted(relations))].append(node)
    return [
        Branch(
            tuple((relation_names[relation], not incoming) for incoming, relation in key),
            tuple(leaf(node) for node in by_fame(groups[key])[:max_leaves]),
            max(0, len(groups[key]) - max_leaves),
        )
        for key in sorted(groups)
    ]
