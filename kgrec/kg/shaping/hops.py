"""What lies near the items."""

from collections.abc import Sequence

from kgrec.errors import InputError
from kgrec.shapes import BoolArray, Triples


class Hops:
    """Keeps the triples on walks of some steps that begin at an item, whichever way the triples point.

    Args:
        hops: steps, 1 or more; 1 = the items' own triples.

    Raises:
        InputError: ``hops`` is not positive.
    """

    name = "hops"

    def __init__(self, hops: int) -> None:
        if hops < 1:
            raise InputError(f"shape hops: hops is {hops}, expected 1 or more")
        self.hops = hops

    def __call__(self, triples: Triples, relation_names: Sequence[str], is_item: BoolArray) -> Triples:
        """See :class:`kgrec.kg.shaping.base.ShapingStep`."""
        reached = is_item.copy()
        for _ in range(self.hops - 1):
            near = triples[reached[triples[:, 0]] | reached[triples[:, 2]]]
            reached[near[:, 0]] = reached[near[:, 2]] = True
        return triples[reached[triples[:, 0]] | reached[triples[:, 2]]]
