"""The triples of a graph over items and entities alone, and samples of them of a fixed size."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from kgrec.errors import InputError
from kgrec.kg.graph import Graph
from kgrec.seed import numpy_generator
from kgrec.shapes import IntArray


@dataclass(frozen=True)
class Facts:
    """Directed facts; items are the rows ``[0, I)``, the other entities the rows behind them.

    Attributes:
        heads: ``[T]`` row of each fact's head.
        relations: ``[T]`` relation id in ``[0, num_relations)``.
        tails: ``[T]`` row of each fact's tail.
        num_rows: items and entities together.
        num_relations: at least 1, so that there is an embedding to look up where there is no fact.
    """

    heads: Tensor
    relations: Tensor
    tails: Tensor
    num_rows: int
    num_relations: int

    def undirected(self) -> "Facts":
        """Each fact in both directions, under the one relation."""
        return self._with_inverses(self.relations, self.num_relations)

    def with_inverses(self) -> "Facts":
        """Each fact in both directions, the inverse under a relation of its own."""
        return self._with_inverses(self.relations + self.num_relations, 2 * self.num_relations)

    def _with_inverses(self, inverse_relations: Tensor, num_relations: int) -> "Facts":
        return Facts(
            torch.cat([self.heads, self.tails]),
            torch.cat([self.relations, inverse_relations]),
            torch.cat([self.tails, self.heads]),
            self.num_rows,
            num_relations,
        )


def facts_of(graph: Graph) -> Facts:
    """The facts of ``graph`` that are present, without interactions and inverses, on the CPU."""
    half = graph.num_relations // 2
    kept = graph.edge_type < half - 1  # the last of the first half are the interactions
    if graph.edge_weight is not None:
        kept = kept & (graph.edge_weight > 0)
    row_of_node = torch.full((graph.num_nodes,), -1)
    rows = torch.cat([graph.item_nodes, graph.entity_nodes]).cpu()
    row_of_node[rows] = torch.arange(len(rows))
    heads, tails = row_of_node[graph.edge_index[:, kept].cpu()]
    return Facts(heads, graph.edge_type[kept].cpu(), tails, len(rows), max(1, half - 1))


class NeighbourSampler:
    """Draws K facts that begin at each row: without replacement where there are enough, else with.

    A row where none begins is its own neighbour, under relation 0: whatever the weights, they mix it with
    nothing but itself.

    Args:
        size: K ≥ 1.
        seed: of the draw.

    Raises:
        InputError: ``size`` < 1.
    """

    def __init__(self, *, size: int, seed: int) -> None:
        if size < 1:
            raise InputError(f"model.neighbours.size: found {size}, expected a whole number >= 1")
        self.size = size
        self.seed = seed

    def __call__(self, facts: Facts) -> tuple[Tensor, Tensor]:
        """Neighbours ``[num_rows, K]`` and the relations ``[num_rows, K]`` that lead to them."""
        rng = numpy_generator(self.seed, "neighbours")
        heads = facts.heads.numpy()
        # Sorted by head and, within a head, at random: its first K facts are a sample without replacement.
        order = torch.from_numpy(np.lexsort((rng.random(len(heads)), heads)))
        counts = np.bincount(heads, minlength=facts.num_rows)
        has_facts = np.flatnonzero(counts)
        begin = (np.cumsum(counts) - counts)[has_facts, None]
        found = order[torch.from_numpy(begin + sample_places(counts[has_facts], self.size, rng))]
        neighbours = torch.arange(facts.num_rows).unsqueeze(1).repeat(1, self.size)
        relations = torch.zeros_like(neighbours)
        neighbours[has_facts], relations[has_facts] = facts.tails[found], facts.relations[found]
        return neighbours, relations


def sample_places(counts: IntArray, size: int, rng: np.random.Generator) -> IntArray:
    """``size`` places in ``[0, counts[i])``, counts ≥ 1, for each i, as ``[n, size]``.

    The first ``size`` places in order where there are so many, so shuffle what they point at; else drawn
    with replacement.
    """
    drawn = (rng.random((len(counts), size)) * counts[:, None]).astype(np.int64)
    places: IntArray = np.where((counts >= size)[:, None], np.arange(size), drawn)
    return places
