"""Triples with corrupted tails, drawn anew for each training step."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from kgrec.data.sampling import NegativeSampler
from kgrec.errors import InputError
from kgrec.kg.graph import Graph
from kgrec.seed import numpy_generator
from kgrec.shapes import Triples


@dataclass(frozen=True)
class TripleBatch:
    """Triples of one step, ordered by relation so that each relation's rows are neighbours.

    Attributes:
        heads, relations, tails: ``[B]``; ``relations`` ascends.
        negatives: ``[B, n]`` tails that do not stand in the graph with this head and relation.
        relation_counts: ``R`` numbers: how many of the triples each relation has.
    """

    heads: Tensor
    relations: Tensor
    tails: Tensor
    negatives: Tensor
    relation_counts: tuple[int, ...]

    def entities(self) -> Tensor:
        """``[B, 2 + n]``: head, tail, corrupted tails: one look-up serves all of them."""
        return torch.cat([self.heads[:, None], self.tails[:, None], self.negatives], dim=1)


class TripleSampler:
    """Draws triples uniformly, with replacement, and for each one tails that make it false.

    A step's draw depends on the seed and the step only, so a run that is started again draws the same, and
    every process of a job draws the same batch: their mean is then that of one process. A corrupted tail is
    uniform over the entities that do not follow the same head by the same relation (the paper's "not in the
    graph"), exactly and without rejection. RecBole leaves out the head's tails by *any* relation, and goes
    through a shuffled list instead of drawing; neither changes what is learned in expectation.
    A triple whose head has every entity as a tail has no false tail and is left out.

    Args:
        triples: ``[T, 3]`` head, relation, tail.
        num_entities: E; heads and tails lie in ``[0, E)``.
        num_relations: R; relations lie in ``[0, R)``.
        num_negatives: n ≥ 0 corrupted tails for each triple.
        batch_size: triples per step, ≥ 1; where there are fewer, B = T.
        seed: of the draws.

    Raises:
        InputError: ``batch_size`` < 1.
    """

    def __init__(
        self,
        triples: Triples,
        *,
        num_entities: int,
        num_relations: int,
        num_negatives: int,
        batch_size: int,
        seed: int,
    ) -> None:
        if batch_size < 1:
            raise InputError(f"model.triples.batch_size: found {batch_size}, expected a whole number >= 1")
        self.num_relations = num_relations
        self.seed = seed
        self._triples, self._query = _with_false_tails(triples, num_entities, num_relations)
        self.batch_size = min(batch_size, len(self._triples))
        self._tails = NegativeSampler(
            np.stack([self._query, self._triples[:, 2]], axis=1), num_entities, num_negatives
        )

    def __len__(self) -> int:
        """T, without triples that have no false tail; where it is 0 there is nothing to draw."""
        return len(self._triples)

    def sample(self, step: int, device: torch.device) -> TripleBatch:
        """The triples of a step, on ``device``.

        Raises:
            ValueError: there are no triples.
        """
        rng = numpy_generator(self.seed, "triples", step)
        rows = np.sort(rng.integers(len(self), size=self.batch_size))
        heads, relations, tails = self._triples[rows].T
        negatives = self._tails.sample(self._query[rows], rng)
        counts = np.bincount(relations, minlength=self.num_relations)
        return TripleBatch(
            heads=torch.from_numpy(heads).to(device),
            relations=torch.from_numpy(relations).to(device),
            tails=torch.from_numpy(tails).to(device),
            negatives=torch.from_numpy(negatives).to(device),
            relation_counts=tuple(counts.tolist()),
        )


def _with_false_tails(triples: Triples, num_entities: int, num_relations: int) -> tuple[Triples, np.ndarray]:
    """Triples by relation, and the number of each one's (head, relation) among those that occur."""
    triples = np.unique(triples[:, [1, 0, 2]].reshape(-1, 3), axis=0)[:, [1, 0, 2]]
    query = np.unique(triples[:, 0] * num_relations + triples[:, 1], return_inverse=True)[1]
    has_false_tail = np.bincount(query)[query] < num_entities if len(query) else np.empty(0, dtype=bool)
    return triples[has_false_tail], query[has_false_tail]


def fact_triples(graph: Graph) -> Triples:
    """``[T, 3]`` facts of the graph as stated: no interaction and no inverse.

    Entity ids are node ids less the number of users: item i is entity i, the other entities follow.
    """
    stated = graph.edge_type < graph.num_relations // 2
    kept = stated & ~graph.is_interaction
    heads, tails = graph.edge_index[:, kept] - len(graph.user_nodes)
    return torch.stack([heads, graph.edge_type[kept], tails], dim=1).numpy()


def fact_sizes(graph: Graph) -> tuple[int, int]:
    """Numbers of fact relations, without inverses and interactions, and of entities, items included."""
    return graph.num_relations // 2 - 1, graph.num_nodes - len(graph.user_nodes)
