"""What a knowledge graph looks like, in numbers and in words: a home of networkx."""

from collections.abc import Sequence
from typing import Any

import networkx as nx
import numpy as np

from kgrec.shapes import IntArray, Triples

_QUANTILES = {"min": 0.0, "q25": 0.25, "median": 0.5, "q75": 0.75, "q90": 0.9, "max": 1.0}


def graph_stats(triples: Triples, item_to_entity: IntArray, relation_names: Sequence[str]) -> dict[str, Any]:
    """Size, shape and reach of a knowledge graph, ready for JSON.

    Args:
        triples: ``[T, 3]``.
        item_to_entity: ``[I]``, -1 where unlinked.
        relation_names: R names.

    Returns:
        ``entities`` (in a triple or a link), ``relations`` (with a triple), ``triples``;
        ``degree``: quantiles and mean over entities of the triples that hold the entity;
        ``components``, ``largest_component_share`` (of entities), ``density`` (share of entity pairs that
        are joined), all of the undirected graph without self loops;
        ``relation_table``: one row per relation, the most frequent first, with ``triples``, distinct
        ``heads`` and ``tails``;
        ``items``, ``linked_items``, ``linked_share``; ``items_with_facts``: linked items in at least one
        triple; ``items_sharing_entity``: items whose entity another item has too;
        ``items_sharing_fact``: items with a (relation, other entity) that another item has too, the
        ones that the graph can say something about.
    """
    linked = item_to_entity[item_to_entity >= 0]
    ends = np.concatenate([triples[:, 0], triples[:, 2]])
    entities = np.unique(np.concatenate([ends, linked]))
    size = int(entities.max()) + 1 if len(entities) else 0
    degree = np.bincount(ends, minlength=size)
    num_items = len(item_to_entity)
    return {
        "entities": len(entities),
        "relations": len(np.unique(triples[:, 1])),
        "triples": len(triples),
        "degree": _distribution(degree[entities]),
        **_connectivity(triples, entities),
        "relation_table": _relation_table(triples, relation_names),
        "items": num_items,
        "linked_items": len(linked),
        "linked_share": len(linked) / num_items if num_items else 0.0,
        "items_with_facts": int((degree[linked] > 0).sum()),
        "items_sharing_entity": int((np.bincount(linked, minlength=size)[linked] > 1).sum()),
        "items_sharing_fact": _items_sharing_fact(triples, linked, size),
    }


def describe_entity(
    entity: int,
    triples: Triples,
    item_to_entity: IntArray,
    entity_names: Sequence[str],
    relation_names: Sequence[str],
    item_names: Sequence[str],
    max_facts: int,
) -> str:
    """An entity and its neighbourhood as text, for ``kgrec kg show``.

    Args:
        entity: entity id.
        triples: ``[T, 3]``.
        item_to_entity: ``[I]``, -1 where unlinked.
        entity_names: E names.
        relation_names: R names.
        item_names: I titles (or raw ids).
        max_facts: lines of facts shown; what is left out is counted.

    Returns:
        One line for the entity with the items that link to it, then one line for each fact: outgoing ones
        as ``relation → other``, incoming ones as ``relation ← other``.

    Raises:
        ValueError: ``entity`` outside ``[0, E)``.
    """
    if not 0 <= entity < len(entity_names):
        raise ValueError(f"entity is {entity}, expected [0, {len(entity_names)})")

    def name(other: int) -> str:
        titles = [item_names[item] for item in np.flatnonzero(item_to_entity == other).tolist()]
        return entity_names[other] + (f" [{', '.join(titles)}]" if titles else "")

    outgoing = triples[triples[:, 0] == entity]
    incoming = triples[triples[:, 2] == entity]
    facts = [(relation_names[r], "→", tail) for _, r, tail in outgoing.tolist()]
    facts += [(relation_names[r], "←", head) for head, r, _ in incoming.tolist()]
    shown = [f"  {relation} {arrow} {name(other)}" for relation, arrow, other in facts[:max_facts]]
    left_out = len(facts) - len(shown)
    return "\n".join(
        [
            f"{name(entity)}: {len(outgoing)} outgoing, {len(incoming)} incoming",
            *shown,
            *([f"  … and {left_out} more"] if left_out else []),
        ]
    )


def _distribution(values: IntArray) -> dict[str, float]:
    if len(values) == 0:
        return dict.fromkeys([*_QUANTILES, "mean"], 0.0)
    quantiles = np.quantile(values, list(_QUANTILES.values()))
    return {**dict(zip(_QUANTILES, quantiles.tolist(), strict=True)), "mean": float(values.mean())}


def _connectivity(triples: Triples, entities: IntArray) -> dict[str, float]:
    graph = nx.Graph()
    graph.add_nodes_from(entities.tolist())
    graph.add_edges_from(triples[triples[:, 0] != triples[:, 2]][:, [0, 2]].tolist())
    component_sizes = [len(component) for component in nx.connected_components(graph)]
    return {
        "components": len(component_sizes),
        "largest_component_share": max(component_sizes, default=0) / max(len(entities), 1),
        "density": float(nx.density(graph)),
    }


def _relation_table(triples: Triples, relation_names: Sequence[str]) -> list[dict[str, str | int]]:
    rows: list[dict[str, str | int]] = []
    counts = np.bincount(triples[:, 1], minlength=len(relation_names))
    for relation in np.argsort(-counts, kind="stable").tolist():
        facts = triples[triples[:, 1] == relation]
        rows.append(
            {
                "relation": relation_names[relation],
                "triples": len(facts),
                "heads": len(np.unique(facts[:, 0])),
                "tails": len(np.unique(facts[:, 2])),
            }
        )
    return rows


def _items_sharing_fact(triples: Triples, linked: IntArray, num_entities: int) -> int:
    """Count items with a fact, read from either end, that another item has as well."""
    items_of_entity = np.bincount(linked, minlength=num_entities)
    if len(triples) == 0 or len(linked) == 0:
        return 0
    num_relations = int(triples[:, 1].max()) + 1
    holder = np.concatenate([triples[:, 0], triples[:, 2]])
    other = np.concatenate([triples[:, 2], triples[:, 0]])
    relation = np.concatenate([triples[:, 1], triples[:, 1] + num_relations])
    fact = relation * num_entities + other
    fact, holder = np.divmod(np.unique(fact * num_entities + holder), num_entities)
    _, fact_index = np.unique(fact, return_inverse=True)
    items_with_fact = np.bincount(fact_index, weights=items_of_entity[holder])
    sharing = np.zeros(num_entities, dtype=bool)
    sharing[holder[items_with_fact[fact_index] > 1]] = True
    return int(sharing[linked].sum())
