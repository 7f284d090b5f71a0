"""``kg=materialised``: the graph and what its own rules say is missing."""

import logging

import numpy as np

from kgrec.errors import InputError
from kgrec.kg.rules.conclusions import conclude
from kgrec.kg.rules.mine import Thresholds, mine_rules
from kgrec.kg.rules.steps import Steps
from kgrec.shapes import IntArray, Triples

log = logging.getLogger(__name__)


class Materialised:
    """The arm with the conclusions of the best rules added as triples.

    Rules are mined in the triples alone (:func:`kgrec.kg.rules.mine.mine_rules`), so interactions have no
    part in them. Rules are applied once, not to their own conclusions; a triple that is there already and one
    from an entity to itself are no conclusion. New triples stand last.

    Args:
        min_support: pairs for which body and head hold, ≥ 1.
        min_head_coverage: share of the head's pairs that the body finds, in [0, 1].
        min_pca_confidence: in [0, 1].
        max_rules: rules used, those with the highest PCA confidence, ≥ 1.

    Raises:
        InputError: a setting outside its range.
    """

    def __init__(
        self, min_support: int, min_head_coverage: float, min_pca_confidence: float, max_rules: int
    ) -> None:
        self.thresholds = Thresholds(min_support, min_head_coverage, min_pca_confidence)
        if max_rules < 1:
            raise InputError(f"kg.max_rules: found {max_rules}, expected 1 or more")
        self.max_rules = max_rules

    def __call__(self, triples: Triples, item_to_entity: IntArray, seed: int) -> tuple[Triples, IntArray]:
        """Add the conclusions; see :class:`kgrec.kg.arms.base.GraphArm`."""
        if len(triples) == 0:
            return triples, item_to_entity
        steps = Steps(triples, int(triples[:, [0, 2]].max()) + 1, int(triples[:, 1].max()) + 1)
        rules = mine_rules(steps, self.thresholds)[: self.max_rules]
        new, _ = conclude(steps, rules, triples)
        log.info("kg=materialised: %d rules, %s new triples", len(rules), f"{len(new):,}")
        return np.concatenate([triples, new]), item_to_entity
