"""Each user's last interaction for test, the one before for validation."""

from typing import ClassVar

import numpy as np

from kgrec.data.splits.base import Interactions, SplitResult, complete_timestamps, rank_within_user
from kgrec.seed import numpy_generator

MIN_INTERACTIONS = 3
"""One each for training, validation and test; users with fewer are only trained on."""


class LeaveOneOutSplit:
    """Hold out two interactions of every user who has at least three.

    The last one in time is for test, the one before for validation; interactions at the same time are
    put in a seeded random order, since file order often goes by item id. Without timestamps both are
    drawn at random.
    """

    name: ClassVar[str] = "leave_one_out"

    def __call__(self, interactions: Interactions, num_users: int, num_items: int, seed: int) -> SplitResult:
        """Draw from the stream ``split/leave_one_out`` of ``seed``."""
        shuffled = numpy_generator(seed, "split", self.name).permutation(len(interactions))
        if interactions.timestamps is None:
            latest_first = shuffled
        else:
            times = complete_timestamps(self.name, interactions)
            latest_first = shuffled[np.argsort(-times[shuffled], kind="stable")]
        rank, count = rank_within_user(interactions.pairs[:, 0], latest_first, num_users)
        enough = count >= MIN_INTERACTIONS
        return SplitResult.from_masks(interactions, enough & (rank == 1), enough & (rank == 0), num_items)
