"""Sequences as pseudo-users: what somebody took last, and whose next item is to be told."""

from dataclasses import dataclass

import numpy as np

from kgrec.data.ids import IdMap
from kgrec.shapes import IntArray, Pairs


@dataclass(frozen=True)
class Sequences:
    """One row per sequence s; its target is the item of the pair (s, item) in train, valid or test.

    Attributes:
        users: ``[S]`` id of the user whose sequence it is, in the id space of users before the split.
        places: ``[S]`` how many interactions the user has before the target.
        histories: ``[S, L]`` item ids of the last interactions before the target, the most recent one last;
            -1 fills the front of those that are shorter.
        interactions: ``[n, 2]`` user and item of all interactions, held-out ones too: for the draw of
            candidates that a user never took, and for nothing else.
    """

    users: IntArray
    places: IntArray
    histories: IntArray
    interactions: Pairs

    def __len__(self) -> int:
        return len(self.users)

    def names(self, users: IdMap) -> IdMap:
        """A raw id for each sequence: the user's own, and the place, e.g. ``196/12``."""
        raw = users.raw_ids
        named = zip(self.users.tolist(), self.places.tolist(), strict=True)
        return IdMap([f"{raw[user]}/{place}" for user, place in named])

    def of_users(self, pairs: Pairs) -> Pairs:
        """Pairs ``[n, 2]`` of sequence and item as pairs of user and item."""
        pairs = pairs.copy()
        pairs[:, 0] = self.users[pairs[:, 0]]
        return pairs

    def held(self, sequences: IntArray) -> Pairs:
        """``[n, 2]`` user and item of all that stands in the histories of ``sequences [m]``."""
        histories = self.histories[sequences]
        row, column = (histories >= 0).nonzero()
        return np.stack([self.users[sequences][row], histories[row, column]], axis=1)
