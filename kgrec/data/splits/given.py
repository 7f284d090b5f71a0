"""The split that a dataset comes with."""

from typing import ClassVar

import numpy as np

from kgrec.data.splits.base import PARTS, Interactions, SplitResult
from kgrec.errors import InputError


class GivenSplit:
    """Take each row's part from the data; needed to compare with numbers published on a fixed split."""

    name: ClassVar[str] = "given"

    def __call__(self, interactions: Interactions, num_users: int, num_items: int, seed: int) -> SplitResult:
        """The given parts; ``seed`` plays no role."""
        if interactions.given is None:
            raise InputError(
                "data.split (given): this dataset comes without a split; "
                "use data/split=random, temporal, leave_one_out or cold_item"
            )
        unknown = ~np.isin(interactions.given, PARTS)
        if unknown.any():
            raise InputError(
                f"data.split (given): {int(unknown.sum())} interactions belong to "
                f"{str(interactions.given[unknown][0])!r}; each must be one of {', '.join(PARTS)}"
            )
        return SplitResult.from_masks(
            interactions, interactions.given == "valid", interactions.given == "test", num_items
        )
