"""Entities that are in so many triples that they tell nothing."""

from collections.abc import Sequence

from kgrec.errors import InputError
from kgrec.kg.shaping.base import degrees
from kgrec.shapes import BoolArray, Triples


class Hubs:
    """Cuts hubs out, with all their triples: a country of half the films joins everything with everything.

    Entities that items link to stay, whatever their degree.

    Args:
        max_degree: triples that an entity may be in, 1 or more.

    Raises:
        InputError: ``max_degree`` is not positive.
    """

    name = "hubs"

    def __init__(self, max_degree: int) -> None:
        if max_degree < 1:
            raise InputError(f"shape hubs: max_degree is {max_degree}, expected 1 or more")
        self.max_degree = max_degree

    def __call__(self, triples: Triples, relation_names: Sequence[str], is_item: BoolArray) -> Triples:
        """See :class:`kgrec.kg.shaping.base.ShapingStep`."""
        is_hub = (degrees(triples, len(is_item)) > self.max_degree) & ~is_item
        return triples[~is_hub[triples[:, 0]] & ~is_hub[triples[:, 2]]]
