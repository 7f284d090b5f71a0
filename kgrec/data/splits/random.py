"""A random share of each user's interactions."""

from typing import ClassVar

import numpy as np

from kgrec.data.splits.base import Interactions, SplitResult, check_fractions, rank_within_user
from kgrec.seed import numpy_generator
from kgrec.shapes import IntArray


class RandomSplit:
    """Hold out a share of each user's interactions, drawn at random.

    A user with n interactions gives ``floor(n · test)`` to test and ``floor(n · valid)`` to validation.
    Where that is 0 though the fraction is not, one is taken, test first, as long as one is left to train
    on: the counts of RecBole's ratio split by user (``Dataset._calcu_split_ids``), which rounds down
    everything but training and likewise tops up what is empty, test before validation. The pairs differ from
    RecBole's, which come from its own random order.

    Args:
        valid: share of each user's interactions for validation, [0, 1).
        test: the same for test.
    """

    name: ClassVar[str] = "random"

    def __init__(self, valid: float, test: float) -> None:
        check_fractions(self.name, valid, test)
        self.valid = valid
        self.test = test

    def __call__(self, interactions: Interactions, num_users: int, num_items: int, seed: int) -> SplitResult:
        """Draw from the stream ``split/random`` of ``seed``."""
        order = numpy_generator(seed, "split", self.name).permutation(len(interactions))
        rank, count = rank_within_user(interactions.pairs[:, 0], order, num_users)
        num_test = _share(count, self.test)
        num_valid = _share(count, self.valid)
        if self.test > 0:
            num_test = np.where((num_test == 0) & (count - num_valid >= 2), 1, num_test)
        if self.valid > 0:
            num_valid = np.where((num_valid == 0) & (count - num_test >= 2), 1, num_valid)
        in_test = rank < num_test
        in_valid = ~in_test & (rank < num_test + num_valid)
        return SplitResult.from_masks(interactions, in_valid, in_test, num_items)


def _share(count: IntArray, fraction: float) -> IntArray:
    return np.floor(count * fraction + 1e-9).astype(np.int64)  # 100 · 0.29 is 28.999… in floating point
