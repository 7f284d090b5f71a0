"""Relations that say backwards what another says: said once, or said in full."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from kgrec.errors import InputError
from kgrec.kg.triples import drop_inverse_relations, inverse_coverage
from kgrec.shapes import BoolArray, Triples

ACTIONS = ("drop", "complete")


class Inverses:
    """Finds inverse relations by their triples, and drops one of two or completes both.

    Args:
        threshold: share of a relation's triples, (0, 1], that another lists backwards where the two are
            inverses; see :func:`kgrec.kg.triples.drop_inverse_relations`.
        action: ``drop`` the redundant relation, or ``complete``: add each triple that one of the two lists
            and the other does not.

    Raises:
        InputError: a setting outside its range.
    """

    name = "inverses"

    def __init__(self, threshold: float, action: Literal["drop", "complete"]) -> None:
        check_threshold_and_action(self.name, threshold, action, ACTIONS)
        self.threshold = threshold
        self.action = action

    def __call__(self, triples: Triples, relation_names: Sequence[str], is_item: BoolArray) -> Triples:
        """See :class:`kgrec.kg.shaping.base.ShapingStep`."""
        num_relations = len(relation_names)
        if self.action == "drop":
            return drop_inverse_relations(triples, num_relations, self.threshold, is_item)[0]
        parts = [triples]
        for one, other in np.argwhere(inverse_coverage(triples, num_relations) >= self.threshold).tolist():
            for source, target in ((one, other), (other, one)):
                backwards = triples[triples[:, 1] == source][:, ::-1].copy()
                backwards[:, 1] = target
                parts.append(backwards)
        return added(triples, parts)


def check_threshold_and_action(step: str, threshold: float, action: str, actions: Sequence[str]) -> None:
    """Refuse a threshold outside (0, 1] or an unknown action.

    Raises:
        InputError: naming the step and what is valid.
    """
    if not 0 < threshold <= 1:
        raise InputError(f"shape {step}: threshold is {threshold}, expected a share in (0, 1]")
    if action not in actions:
        raise InputError(f"shape {step}: action is {action!r}, expected one of {', '.join(actions)}")


def added(triples: Triples, parts: Sequence[Triples]) -> Triples:
    """``triples`` as they are, then what is new in ``parts``, each once."""
    every = np.concatenate(parts)
    _, first = np.unique(every, axis=0, return_index=True)
    new = np.sort(first[first >= len(triples)])
    return np.concatenate([triples, every[new]])
