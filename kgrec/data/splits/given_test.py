"""The test part that a dataset comes with, and a validation part drawn from its training part."""

from dataclasses import replace
from typing import ClassVar

import numpy as np

from kgrec.data.splits.base import Interactions, SplitResult
from kgrec.data.splits.random import RandomSplit
from kgrec.errors import InputError

EXPECTED = ("train", "test")


class GivenTestSplit:
    """Hold out a share of each user's given training rows for validation; the given test rows stay.

    For data published without validation, whose figures were then often selected on test: a model here is
    chosen on validation and sees the less to train on. The counts per user are those of
    :class:`kgrec.data.splits.random.RandomSplit`.

    Args:
        valid: share of each user's training rows for validation, (0, 1).
    """

    name: ClassVar[str] = "given_test"

    def __init__(self, valid: float) -> None:
        if not 0 < valid < 1:
            raise InputError(f"data.split ({self.name}): valid is {valid}, expected a share in (0, 1)")
        self.valid = valid

    def __call__(self, interactions: Interactions, num_users: int, num_items: int, seed: int) -> SplitResult:
        """Draw the validation rows from the stream ``split/random`` of ``seed``."""
        if interactions.given is None:
            raise InputError(
                f"data.split ({self.name}): this dataset comes without a split; "
                "use data/split=random, temporal, leave_one_out or cold_item"
            )
        unknown = ~np.isin(interactions.given, EXPECTED)
        if unknown.any():
            raise InputError(
                f"data.split ({self.name}): {int(unknown.sum())} interactions belong to "
                f"{str(interactions.given[unknown][0])!r}, expected train or test; "
                "data/split=given takes a validation part as it comes"
            )
        in_test = interactions.given == "test"
        trained = Interactions(pairs=interactions.pairs[~in_test])
        parts = RandomSplit(valid=self.valid, test=0.0)(trained, num_users, num_items, seed)
        return replace(parts, test=interactions.pairs[in_test])
