"""Symmetric relations: each pair said once, or in both directions."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from kgrec.kg.shaping.inverses import added, check_threshold_and_action
from kgrec.shapes import BoolArray, FloatArray, Triples

ACTIONS = ("once", "complete")


class Symmetric:
    """Finds relations that hold in both directions, and keeps one direction of each pair or completes both.

    Args:
        threshold: share of a relation's triples, (0, 1], whose backward triple it lists as well where the
            relation is symmetric.
        action: ``once``: of (h, r, t) and (t, r, h) the first stays; ``complete``: missing ones are added.

    Raises:
        InputError: a setting outside its range.
    """

    name = "symmetric"

    def __init__(self, threshold: float, action: Literal["once", "complete"]) -> None:
        check_threshold_and_action(self.name, threshold, action, ACTIONS)
        self.threshold = threshold
        self.action = action

    def __call__(self, triples: Triples, relation_names: Sequence[str], is_item: BoolArray) -> Triples:
        """See :class:`kgrec.kg.shaping.base.ShapingStep`."""
        concerned = (symmetry(triples, len(relation_names)) >= self.threshold)[triples[:, 1]]
        if self.action == "complete":
            return added(triples, [triples, triples[concerned][:, ::-1]])
        ends = np.sort(triples[:, [0, 2]], axis=1)
        pairs = np.stack([ends[:, 0], triples[:, 1], ends[:, 1]], axis=1)
        _, first = np.unique(pairs, axis=0, return_index=True)
        is_first = np.zeros(len(triples), dtype=bool)
        is_first[first] = True
        return triples[is_first | ~concerned]


def symmetry(triples: Triples, num_relations: int) -> FloatArray:
    """``[R]``: share of the relation's distinct triples, self loops aside, whose backward triple it lists."""
    distinct = np.unique(triples[triples[:, 0] != triples[:, 2]], axis=0)
    forward = {tuple(row) for row in distinct.tolist()}
    both = np.array(
        [(tail, relation, head) in forward for head, relation, tail in distinct.tolist()], dtype=float
    )
    sizes = np.bincount(distinct[:, 1], minlength=num_relations)
    return np.bincount(distinct[:, 1], weights=both, minlength=num_relations) / np.maximum(sizes, 1)
