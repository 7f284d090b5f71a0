"""Steps of shaping, one after the other, each counted."""

from collections.abc import Sequence

import numpy as np

from kgrec.kg.shaping.base import ShapingStep
from kgrec.shapes import BoolArray, Triples


class Shape:
    """What ``conf/shape/*.yaml`` builds.

    Args:
        steps: in the order in which they run; none = the graph as prepared.
    """

    def __init__(self, steps: Sequence[ShapingStep]) -> None:
        self.steps = tuple(steps)

    @property
    def name(self) -> str:
        """The names of the steps, or ``none``."""
        return " ".join(step.name for step in self.steps) or "none"

    def __call__(
        self, triples: Triples, relation_names: Sequence[str], is_item: BoolArray
    ) -> tuple[Triples, list[str]]:
        """Run the steps.

        Args:
            triples: ``[T, 3]``.
            relation_names: R names.
            is_item: ``[E]`` whether an item links to the entity.

        Returns:
            Triples ``[T', 3]`` in the same ids, and one line per step with counts before and after.
        """
        log = []
        for step in self.steps:
            before, triples = triples, step(triples, relation_names, is_item)
            counts = zip(_counts(before, is_item), _counts(triples, is_item), strict=True)
            told = ", ".join(f"{old:,} → {new:,} {what}" for (what, old), (_, new) in counts)
            log.append(f"shape {step.name}: {told}")
        return triples, log


def _counts(triples: Triples, is_item: BoolArray) -> list[tuple[str, int]]:
    entities = np.unique(triples[:, [0, 2]])
    return [
        ("triples", len(triples)),
        ("entities", len(entities)),
        ("relations", len(np.unique(triples[:, 1]))),
        ("items' entities with facts", int(is_item[entities].sum())),
    ]
