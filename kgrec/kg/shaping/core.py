"""The core of a graph: entities and relations with enough triples."""

from collections.abc import Sequence

import numpy as np

from kgrec.errors import InputError
from kgrec.kg.shaping.base import degrees
from kgrec.shapes import BoolArray, Triples


class Core:
    """Keeps the largest set of triples in which each entity and each relation has enough of them.

    The entities that items link to need no number of triples: what little is known of an item stays.

    Args:
        entity: triples that each entity is in, 0 or more.
        relation: triples that each relation has, 0 or more.

    Raises:
        InputError: a setting is negative.
    """

    name = "core"

    def __init__(self, entity: int, relation: int) -> None:
        for setting, value in (("entity", entity), ("relation", relation)):
            if value < 0:
                raise InputError(f"shape core: {setting} is {value}, expected 0 or more")
        self.entity = entity
        self.relation = relation

    def __call__(self, triples: Triples, relation_names: Sequence[str], is_item: BoolArray) -> Triples:
        """See :class:`kgrec.kg.shaping.base.ShapingStep`."""
        kept, before = triples, -1
        while len(kept) != before:
            before = len(kept)
            known = (degrees(kept, len(is_item)) >= self.entity) | is_item
            kept = kept[known[kept[:, 0]] & known[kept[:, 2]]]
            used = np.bincount(kept[:, 1], minlength=len(relation_names)) >= self.relation
            kept = kept[used[kept[:, 1]]]
        return kept
