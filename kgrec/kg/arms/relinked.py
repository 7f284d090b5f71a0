"""``kg=relinked``: the graph is right, each item stands in another item's place."""

import numpy as np

from kgrec.kg.arms.base import checked_draw
from kgrec.kg.arms.permutation import positions_of_groups
from kgrec.seed import numpy_generator
from kgrec.shapes import IntArray, Triples


class Relinked:
    """Control for "is it the alignment?": links are permuted among linked items of like degree.

    Linked items are sorted into quantile bins of their entity's degree (triples in which it is head or
    tail), and the entities are permuted within each bin. Stays: the triples, the set of linked items, how
    many items link to each entity, and, up to the bin's width, each item's degree. Goes: whose facts they
    are.

    Args:
        num_bins: quantile bins of degree; 10 = deciles. Items of equal degree share a bin.
        draw: which of the random draws that a seed gives, 0 or more.

    Raises:
        InputError: ``draw`` is negative.
        ValueError: ``num_bins`` is not positive.
    """

    def __init__(self, num_bins: int, draw: int) -> None:
        if num_bins < 1:
            raise ValueError(f"num_bins is {num_bins}, expected 1 or more")
        self.num_bins = num_bins
        self.draw = checked_draw(draw)

    def __call__(self, triples: Triples, item_to_entity: IntArray, seed: int) -> tuple[Triples, IntArray]:
        """Permute links within bins of degree; see :class:`kgrec.kg.arms.base.GraphArm`."""
        generator = numpy_generator(seed, "kg", "relinked", self.draw)
        relinked = item_to_entity.copy()
        linked = np.flatnonzero(item_to_entity >= 0)
        if len(linked) == 0:
            return triples, relinked
        bins = self.degree_bins(triples, item_to_entity[linked])
        for members in positions_of_groups(bins):
            items = linked[members]
            relinked[items] = item_to_entity[generator.permutation(items)]
        return triples, relinked

    def degree_bins(self, triples: Triples, entities: IntArray) -> IntArray:
        """Bin of degree of each of ``entities [n]`` among them, ``[n]`` in ``[0, num_bins)``."""
        ends = np.concatenate([triples[:, 0], triples[:, 2]])
        degree = np.bincount(ends, minlength=int(entities.max()) + 1)[entities]
        inner_edges = np.quantile(degree, np.arange(1, self.num_bins) / self.num_bins)
        return np.searchsorted(inner_edges, degree, side="left").astype(np.int64)
