"""Negatives: items that a user has not been observed with."""

import numpy as np

from kgrec.errors import InputError
from kgrec.shapes import IntArray, Pairs


class NegativeSampler:
    """Draws items uniformly among those a user has no training interaction with, with replacement.

    Exact and without rejection: where a user has seen the items ``s_0 < s_1 < …``, the r-th unseen item is
    ``r + |{j : s_j - j <= r}|``, so one random rank and one binary search give one negative.

    Args:
        train: ``[n, 2]`` training interactions; repeated pairs count once.
        num_items: I.
        num_negatives: n, drawn for each positive.

    Raises:
        InputError: a user has interacted with every item, so there is nothing to draw.
    """

    def __init__(self, train: Pairs, num_items: int, num_negatives: int) -> None:
        self.num_items = num_items
        self.num_negatives = num_negatives
        users, items = np.divmod(np.unique(train[:, 0] * num_items + train[:, 1]), num_items)
        num_users = int(users.max(initial=-1)) + 1
        self._seen = np.bincount(users, minlength=num_users)
        self._first = np.cumsum(self._seen) - self._seen
        if self._seen.max(initial=0) >= num_items:
            raise InputError(
                f"loss: a user has interacted with all {num_items} items, so there is no negative to draw; "
                "choose a loss without negatives, e.g. loss=softmax"
            )
        place = np.arange(len(items)) - self._first[users]
        self._keys = users * num_items + (items - place)  # ascending, and below (user + 1) * num_items

    def sample(self, users: IntArray, rng: np.random.Generator) -> IntArray:
        """Negatives ``[B, n]`` for ``users [B]``, who all have a training interaction."""
        num_unseen = (self.num_items - self._seen[users])[:, None]
        rank = rng.integers(num_unseen, size=(len(users), self.num_negatives))
        passed = np.searchsorted(self._keys, users[:, None] * self.num_items + rank, side="right")
        negatives: IntArray = rank + passed - self._first[users][:, None]
        return negatives
