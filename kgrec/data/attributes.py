"""Numeric attributes of linked entities, from raw names to ids."""

import numpy as np
import polars as pl

from kgrec.data.alignment import Knowledge
from kgrec.kg.attributes import NumericFacts, described


def numeric_facts(numbers: pl.DataFrame, knowledge: Knowledge) -> tuple[NumericFacts | None, list[str]]:
    """The numbers of entities that items link to.

    Args:
        numbers: ``head, relation, value, scale``.
        knowledge: the graph, after it was shaped; a linked entity is always in it.

    Returns:
        ``None`` where no linked entity has any; and one log line where there were numbers.
    """
    if numbers.is_empty():
        return None, []
    linked = np.zeros(len(knowledge.entities) + 1, dtype=bool)
    linked[knowledge.item_to_entity] = True
    linked[-1] = False  # where -1, unlinked, was written
    entity = knowledge.entities.to_ids(numbers["head"].to_list())
    kept = numbers.with_columns(entity=pl.Series(entity)).filter(pl.Series(linked[entity]))
    attributes = kept.select("relation", "scale").unique("relation", keep="first", maintain_order=True)
    names = attributes["relation"].to_list()
    places = {name: place for place, name in enumerate(names)}
    columns = (kept["entity"].to_list(), [places[name] for name in kept["relation"].to_list()])
    facts = NumericFacts(
        names=tuple(names),
        scales=tuple(attributes["scale"].to_list()),
        facts=np.array(columns, dtype=np.int64).T.reshape(-1, 2),
        values=kept["value"].to_numpy(),
    )
    return facts if names else None, [described(facts, knowledge.item_to_entity)]
