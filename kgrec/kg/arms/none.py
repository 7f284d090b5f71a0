"""``kg=none``: training interactions alone."""

import numpy as np

from kgrec.shapes import IntArray, Triples


class NoGraph:
    """The arm without knowledge: no triple, no link. What is left of the graph is users and items."""

    def __call__(self, triples: Triples, item_to_entity: IntArray, seed: int) -> tuple[Triples, IntArray]:
        """Drop all triples and links; see :class:`kgrec.kg.arms.base.GraphArm`."""
        return triples[:0].copy(), np.full_like(item_to_entity, -1)
