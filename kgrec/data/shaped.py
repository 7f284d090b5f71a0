"""The knowledge of a dataset after the steps of ``shape=…``."""

import numpy as np

from kgrec.data.alignment import Knowledge
from kgrec.data.ids import IdMap
from kgrec.kg.fingerprint import graph_fingerprint
from kgrec.kg.shaping.shape import Shape


def shaped(knowledge: Knowledge, shape: Shape) -> tuple[Knowledge, list[str]]:
    """Shape the graph, and number what is left anew, in the old order.

    Links stay: an entity that an item links to is kept, with or without triples.

    Returns:
        The knowledge, one log line per step, and one with the hash of the graph; nothing changes and
        nothing is logged where the shape has no steps.
    """
    if not shape.steps:
        return knowledge, []
    linked = knowledge.item_to_entity[knowledge.item_to_entity >= 0]
    is_item = np.zeros(len(knowledge.entities), dtype=bool)
    is_item[linked] = True
    triples, log = shape(knowledge.triples, knowledge.relations.raw_ids, is_item)
    entities, relations = is_item, np.zeros(len(knowledge.relations), dtype=bool)
    entities[triples[:, [0, 2]].ravel()] = True
    relations[triples[:, 1]] = True
    new_entity, new_relation = np.cumsum(entities) - 1, np.cumsum(relations) - 1
    kept = Knowledge(
        IdMap([knowledge.entities.raw_ids[entity] for entity in np.flatnonzero(entities)]),
        IdMap([knowledge.relations.raw_ids[relation] for relation in np.flatnonzero(relations)]),
        np.stack([new_entity[triples[:, 0]], new_relation[triples[:, 1]], new_entity[triples[:, 2]]], axis=1),
        np.where(knowledge.item_to_entity >= 0, new_entity[knowledge.item_to_entity], -1),
    )
    name = graph_fingerprint(kept.triples, kept.item_to_entity, kept.entities.raw_ids, kept.relations.raw_ids)
    return kept, [*log, f"shaped graph {name}: {shape.name}"]
