"""``kg=falsified``: a share of the facts is wrong."""

from kgrec.kg.arms.base import checked_draw, checked_share
from kgrec.kg.arms.permutation import positions_of_groups, swap_clashes_away
from kgrec.seed import numpy_generator
from kgrec.shapes import IntArray, Triples


class Falsified:
    """The graph with the tails of a random share of its triples permuted within each relation.

    At a share of 1 this is the control :class:`~kgrec.kg.arms.rewired.Rewired`; below, the same mistake made
    in fewer places. All counts stay: how often an entity is head and tail of each relation, and the links.
    Facts that are falsified at a share are among those of any larger one. A fact that a permutation made
    twice is mended by swaps among the falsified ones, as far as there are any; a few may repeat a true one,
    and count once.

    Args:
        share: of the triples, 0 (the full graph) to 1 (every one).
        repair_tries: swap partners tried for each repeated triple or self loop.
        draw: which of the random draws that a seed gives, 0 or more.

    Raises:
        InputError: a share outside its range, or a negative draw.
        ValueError: ``repair_tries`` is negative.
    """

    def __init__(self, share: float, repair_tries: int, draw: int) -> None:
        if repair_tries < 0:
            raise ValueError(f"repair_tries is {repair_tries}, expected 0 or more")
        self.share = checked_share(share)
        self.repair_tries = repair_tries
        self.draw = checked_draw(draw)

    def __call__(self, triples: Triples, item_to_entity: IntArray, seed: int) -> tuple[Triples, IntArray]:
        """Permute tails of the chosen triples; see :class:`kgrec.kg.arms.base.GraphArm`."""
        generator = numpy_generator(seed, "kg", "falsified", self.draw)
        chosen = generator.permutation(len(triples))[: round(self.share * len(triples))]
        falsified = triples.copy()
        for places in positions_of_groups(triples[chosen, 1]):
            rows = chosen[places]
            tails = generator.permutation(triples[rows, 2])
            falsified[rows, 2] = swap_clashes_away(
                triples[rows, 0], tails, generator, self.repair_tries, allow_equal=False
            )
        return falsified, item_to_entity
