"""``kg=dropped``: a share of the facts is missing."""

from kgrec.kg.arms.base import checked_draw, checked_share
from kgrec.seed import numpy_generator
from kgrec.shapes import IntArray, Triples


class Dropped:
    """The graph without a random share of its triples; links and entities stay.

    The triples left at a share are among those left at any smaller one of the same seed and draw, so that a
    curve over shares is one graph losing its facts.

    Args:
        share: of the triples, 0 (the full graph) to 1 (links alone).
        draw: which of the random draws that a seed gives, 0 or more.

    Raises:
        InputError: a share outside its range, or a negative draw.
    """

    def __init__(self, share: float, draw: int) -> None:
        self.share = checked_share(share)
        self.draw = checked_draw(draw)

    def __call__(self, triples: Triples, item_to_entity: IntArray, seed: int) -> tuple[Triples, IntArray]:
        """Leave triples out, the order of the others kept; see :class:`kgrec.kg.arms.base.GraphArm`."""
        order = numpy_generator(seed, "kg", "dropped", self.draw).permutation(len(triples))
        kept = order[round(self.share * len(triples)) :]
        kept.sort()
        return triples[kept], item_to_entity
