"""``kg=rewired``: every fact is wrong, every count is right."""

from kgrec.kg.arms.base import checked_draw
from kgrec.kg.arms.permutation import positions_of_groups, swap_clashes_away
from kgrec.seed import numpy_generator
from kgrec.shapes import IntArray, Triples


class Rewired:
    """Control for "is it the facts?": tails are permuted within each relation.

    Stays: for every entity and relation, how often it is head and how often tail (so the degree of items
    and entities, whichever side they stand on), the number of triples, the links, and so the mask of
    linked items. Goes: which tail belongs to which head.

    A permutation may repeat a triple or join an entity to itself, and the graph drops such triples, which
    would lower degrees. They are mended by further swaps within the relation, as far as there are any.

    Args:
        repair_tries: swap partners tried for each repeated triple or self loop.
        draw: which of the random draws that a seed gives, 0 or more.

    Raises:
        InputError: ``draw`` is negative.
        ValueError: ``repair_tries`` is negative.
    """

    def __init__(self, repair_tries: int, draw: int) -> None:
        if repair_tries < 0:
            raise ValueError(f"repair_tries is {repair_tries}, expected 0 or more")
        self.repair_tries = repair_tries
        self.draw = checked_draw(draw)

    def __call__(self, triples: Triples, item_to_entity: IntArray, seed: int) -> tuple[Triples, IntArray]:
        """Permute tails within relations; see :class:`kgrec.kg.arms.base.GraphArm`."""
        generator = numpy_generator(seed, "kg", "rewired", self.draw)
        rewired = triples.copy()
        for rows in positions_of_groups(triples[:, 1]):
            tails = generator.permutation(triples[rows, 2])
            rewired[rows, 2] = swap_clashes_away(
                triples[rows, 0], tails, generator, self.repair_tries, allow_equal=False
            )
        return rewired, item_to_entity
