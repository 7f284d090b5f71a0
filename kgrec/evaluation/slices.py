"""Named parts of the test pairs: for which items and which users does a method work?

A slice is a class of items or of users, decided by the training data alone. Evaluating a slice keeps the
ranking as it is and counts only the relevant pairs that fall into the slice; other relevant items stay in
the lists as misses.
"""

from collections.abc import Callable

import numpy as np

from kgrec.data.dataset import RecDataset
from kgrec.shapes import BoolArray, IntArray, Pairs

RARE_ITEM_MAX = 5
"""Most training interactions of an item in ``rare_items``."""

LIGHT_USER_MAX = 5
"""Most training interactions of a user in ``light_users``."""


def _item_counts(dataset: RecDataset) -> IntArray:
    return np.bincount(dataset.train[:, 1], minlength=dataset.num_items)


def _user_counts(dataset: RecDataset) -> IntArray:
    return np.bincount(dataset.train[:, 0], minlength=dataset.num_users)


ITEM_SLICES: dict[str, Callable[[RecDataset], BoolArray]] = {
    "cold_items": lambda dataset: _item_counts(dataset) == 0,
    "warm_items": lambda dataset: _item_counts(dataset) > 0,
    "rare_items": lambda dataset: _item_counts(dataset) <= RARE_ITEM_MAX,
    "linked_items": lambda dataset: dataset.item_to_entity >= 0,
    "unlinked_items": lambda dataset: dataset.item_to_entity < 0,
    "no_text_items": lambda dataset: np.array([not text for text in dataset.item_texts], dtype=bool),
}
"""Name → mask ``[I]``: training interactions 0; ≥ 1; ≤ 5 (cold too); a linked entity; none; empty text."""

USER_SLICES: dict[str, Callable[[RecDataset], BoolArray]] = {
    "light_users": lambda dataset: _user_counts(dataset) <= LIGHT_USER_MAX,
}
"""Name → mask ``[U]``: at most 5 training interactions."""

SLICE_NAMES: tuple[str, ...] = (*ITEM_SLICES, *USER_SLICES)


def in_slice(name: str, dataset: RecDataset, pairs: Pairs) -> BoolArray:
    """Which ``pairs [n, 2]`` belong to the slice: ``[n]``.

    Raises:
        ValueError: no slice has this name.
    """
    if name in ITEM_SLICES:
        return ITEM_SLICES[name](dataset)[pairs[:, 1]]
    if name in USER_SLICES:
        return USER_SLICES[name](dataset)[pairs[:, 0]]
    raise ValueError(f"no slice is called {name!r}; slices: {', '.join(SLICE_NAMES)}")
