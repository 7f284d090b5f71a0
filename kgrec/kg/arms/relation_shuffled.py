"""``kg=relation_shuffled``: who is joined to whom is right, by what is not."""

from kgrec.kg.arms.base import checked_draw
from kgrec.kg.arms.permutation import swap_clashes_away
from kgrec.seed import numpy_generator
from kgrec.shapes import IntArray, Triples


class RelationShuffled:
    """Control for "are the types used?": relation labels are permuted over all triples.

    Stays: which entities are joined and how often, the count of each relation, the links. Goes: the type of
    each fact. Where two entities are joined by several relations, a permutation may give both triples the
    same label; such repeats, which the graph would drop, are mended by further swaps.

    Args:
        repair_tries: swap partners tried for each repeated triple.
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
        """Permute relation labels; see :class:`kgrec.kg.arms.base.GraphArm`."""
        generator = numpy_generator(seed, "kg", "relation_shuffled", self.draw)
        labels = generator.permutation(triples[:, 1])
        shuffled = triples.copy()
        shuffled[:, 1] = swap_clashes_away(
            _pair_ids(triples), labels, generator, self.repair_tries, allow_equal=True
        )
        return shuffled, item_to_entity


def _pair_ids(triples: Triples) -> IntArray:
    """One number ``[T]`` for each (head, tail): equal where the pair is."""
    return triples[:, 0] * (triples[:, 2].max(initial=0) + 1) + triples[:, 2]
