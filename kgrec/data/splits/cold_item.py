"""Whole items held out: what a recommender does with items nobody has touched."""

from typing import ClassVar

import numpy as np

from kgrec.data.splits.base import Interactions, SplitResult, check_fractions
from kgrec.errors import InputError
from kgrec.seed import numpy_generator


class ColdItemSplit:
    """Hold out a random share of the catalogue with all interactions of its items.

    Test holds the interactions with the cold test items, validation those with the cold validation
    items, training the rest. Items are drawn from the whole catalogue, so a cold item may have no
    interaction at all: it is then a candidate that nobody wants.

    Args:
        test_fraction: share of all items that are cold in test, (0, 1).
        valid_fraction: share of all items that are cold in validation, (0, 1); disjoint from the former.
    """

    name: ClassVar[str] = "cold_item"

    def __init__(self, test_fraction: float, valid_fraction: float) -> None:
        check_fractions(self.name, valid_fraction, test_fraction)
        self.test_fraction = test_fraction
        self.valid_fraction = valid_fraction

    def __call__(self, interactions: Interactions, num_users: int, num_items: int, seed: int) -> SplitResult:
        """Draw the items from the stream ``split/cold_item`` of ``seed``."""
        num_test = round(self.test_fraction * num_items)
        num_valid = round(self.valid_fraction * num_items)
        if num_test == 0 or num_valid == 0:
            raise InputError(
                f"data.split ({self.name}): test_fraction {self.test_fraction} and valid_fraction "
                f"{self.valid_fraction} of {num_items} items are {num_test} and {num_valid} items; "
                "at least one each is needed"
            )
        items = numpy_generator(seed, "split", self.name).permutation(num_items)
        cold_test = np.zeros(num_items, dtype=bool)
        cold_test[items[:num_test]] = True
        cold_valid = np.zeros(num_items, dtype=bool)
        cold_valid[items[num_test : num_test + num_valid]] = True
        touched = interactions.pairs[:, 1]
        in_test, in_valid = cold_test[touched], cold_valid[touched]
        return SplitResult(
            train=interactions.pairs[~(in_test | in_valid)],
            valid=interactions.pairs[in_valid],
            test=interactions.pairs[in_test],
            cold_valid=cold_valid,
            cold_test=cold_test,
        )
