"""Relations by name: those allowed, without those denied."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

import numpy as np

from kgrec.errors import InputError
from kgrec.shapes import BoolArray, Triples


class Relations:
    """Keeps the triples of some relations.

    Args:
        allow: patterns of names to keep, such as ``film.film.*`` (``*`` any text, ``?`` any letter);
            ``None`` = all.
        deny: patterns of names to leave out of these.
    """

    name = "relations"

    def __init__(self, allow: Sequence[str] | None, deny: Sequence[str]) -> None:
        self.allow = None if allow is None else tuple(allow)
        self.deny = tuple(deny)

    def __call__(self, triples: Triples, relation_names: Sequence[str], is_item: BoolArray) -> Triples:
        """See :class:`kgrec.kg.shaping.base.ShapingStep`.

        Raises:
            InputError: a pattern that fits no relation of the graph.
        """
        kept = np.ones(len(relation_names), dtype=bool)
        if self.allow is not None:
            kept = _fitting("allow", self.allow, relation_names)
        kept &= ~_fitting("deny", self.deny, relation_names)
        return triples[kept[triples[:, 1]]]


def _fitting(setting: str, patterns: Sequence[str], names: Sequence[str]) -> BoolArray:
    """``[R]``: which names fit any of the patterns."""
    fits = np.zeros(len(names), dtype=bool)
    for pattern in patterns:
        own = np.array([fnmatchcase(name, pattern) for name in names], dtype=bool)
        if not own.any():
            raise InputError(
                f"shape relations: {setting} has {pattern!r}, which fits no relation; there are "
                f"{', '.join(sorted(names)[:5])}{' …' if len(names) > 5 else ''}"
            )
        fits |= own
    return fits
