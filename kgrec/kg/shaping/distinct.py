"""Self loops and duplicates out."""

from collections.abc import Sequence

import numpy as np

from kgrec.shapes import BoolArray, Triples


class Distinct:
    """Keeps the first of equal triples, and none whose head is its tail."""

    name = "distinct"

    def __call__(self, triples: Triples, relation_names: Sequence[str], is_item: BoolArray) -> Triples:
        """See :class:`kgrec.kg.shaping.base.ShapingStep`."""
        _, first = np.unique(triples, axis=0, return_index=True)
        kept = triples[np.sort(first)]
        return kept[kept[:, 0] != kept[:, 2]]
