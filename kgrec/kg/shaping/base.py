"""What a step of shaping is."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from kgrec.shapes import BoolArray, IntArray, Triples


class ShapingStep(Protocol):
    """One step between the graph as read and the graph as used: a pure function over triples.

    Attributes:
        name: as in ``conf/shape`` and in the log.
    """

    name: str

    def __call__(self, triples: Triples, relation_names: Sequence[str], is_item: BoolArray) -> Triples:
        """Shape a graph.

        Args:
            triples: ``[T, 3]`` head, relation, tail.
            relation_names: R names.
            is_item: ``[E]`` whether an item links to the entity.

        Returns:
            Triples ``[T', 3]`` in the same ids; the argument is left as it is.

        Raises:
            InputError: the step does not fit the graph.
        """
        ...


def degrees(triples: Triples, num_entities: int) -> IntArray:
    """``[E]``: triples that hold the entity; a self loop counts once."""
    heads, tails = triples[:, 0], triples[:, 2]
    ends = np.concatenate([heads, tails[heads != tails]])
    return np.bincount(ends, minlength=num_entities)
