"""``kg=full``: the graph as prepared."""

from kgrec.shapes import IntArray, Triples


class FullGraph:
    """The arm with all knowledge: triples and links as prepared."""

    def __call__(self, triples: Triples, item_to_entity: IntArray, seed: int) -> tuple[Triples, IntArray]:
        """Return the graph as it is; see :class:`kgrec.kg.arms.base.GraphArm`."""
        return triples, item_to_entity
