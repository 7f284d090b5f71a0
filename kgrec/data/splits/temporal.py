"""The past to train on, the future to test on."""

from typing import ClassVar

import numpy as np

from kgrec.data.splits.base import Interactions, SplitResult, check_fractions, complete_timestamps
from kgrec.errors import InputError


class TemporalSplit:
    """Cut all interactions at two points in time, the same for all users.

    Test holds the rows from the time on at which the last ``test`` share of all rows begins, validation
    those of the share before. Rows of one instant stay together, so the shares are met up to such ties;
    nothing in training is later than anything held out.

    Args:
        valid: share of all interactions for validation, [0, 1).
        test: the same for test.
    """

    name: ClassVar[str] = "temporal"

    def __init__(self, valid: float, test: float) -> None:
        check_fractions(self.name, valid, test)
        self.valid = valid
        self.test = test

    def __call__(self, interactions: Interactions, num_users: int, num_items: int, seed: int) -> SplitResult:
        """The split in time; nothing is random, ``seed`` plays no role."""
        times = complete_timestamps(self.name, interactions)
        # Beyond the last row lies infinity: a share of 0 holds nothing out.
        sorted_times = np.append(np.sort(times), np.inf)
        valid_start, test_start = (
            sorted_times[round(len(times) * (1 - share))] for share in (self.valid + self.test, self.test)
        )
        if valid_start == sorted_times[0]:
            raise InputError(
                f"data.split ({self.name}): all of the first {1 - self.valid - self.test:.0%} of the "
                "interactions have one timestamp, nothing is left to train on; use data/split=random"
            )
        in_test = times >= test_start
        in_valid = ~in_test & (times >= valid_start)
        return SplitResult.from_masks(interactions, in_valid, in_test, num_items)
