"""What a split is given and what it returns."""

from dataclasses import dataclass, replace
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from kgrec.data.labels import Negatives
from kgrec.data.sequences import Sequences
from kgrec.errors import InputError
from kgrec.shapes import BoolArray, FloatArray, IntArray, Pairs

PARTS = ("train", "valid", "test")


@dataclass(frozen=True)
class Interactions:
    """The positives of a dataset in contiguous ids, one row per pair.

    Attributes:
        pairs: ``[n, 2]`` user id, item id.
        timestamps: ``[n]``, NaN where unknown; ``None`` where the data has none at all.
        given: ``[n]`` the part each row comes in ("train", "valid", "test") for data with fixed splits,
            else ``None``.
    """

    pairs: Pairs
    timestamps: FloatArray | None = None
    given: NDArray[np.str_] | None = None

    def __len__(self) -> int:
        return len(self.pairs)


@dataclass(frozen=True)
class SplitResult:
    """Training, validation and test pairs ``[n, 2]``, each in the order of the interactions.

    ``cold_valid`` and ``cold_test`` ``[I]`` mark the items that were held out as a whole. ``negatives`` are
    the unobserved pairs of labelled data, ``None`` elsewhere. With ``sequences`` the first column of all
    pairs is the id of a sequence, which then takes the place of a user.
    """

    train: Pairs
    valid: Pairs
    test: Pairs
    cold_valid: BoolArray
    cold_test: BoolArray
    negatives: Negatives | None = None
    sequences: Sequences | None = None

    @classmethod
    def from_masks(
        cls, interactions: Interactions, in_valid: BoolArray, in_test: BoolArray, num_items: int
    ) -> "SplitResult":
        """A warm split from the rows ``[n]`` held out for validation and for test."""
        return cls(
            train=interactions.pairs[~(in_valid | in_test)],
            valid=interactions.pairs[in_valid],
            test=interactions.pairs[in_test],
            cold_valid=np.zeros(num_items, dtype=bool),
            cold_test=np.zeros(num_items, dtype=bool),
        )

    def with_negatives(self, negatives: Negatives) -> "SplitResult":
        """The same split of labelled data."""
        return replace(self, negatives=negatives)


class Split(Protocol):
    """One way to hold out data.

    Instance attributes are the split's settings, plain numbers; they are recorded in the protocol of
    every run.
    """

    name: ClassVar[str]

    def __call__(self, interactions: Interactions, num_users: int, num_items: int, seed: int) -> SplitResult:
        """Split ``interactions``; the same arguments give the same result.

        Raises:
            InputError: the data lacks what the split needs.
        """
        ...


def check_fractions(split: str, valid: float, test: float) -> None:
    """Raise :class:`kgrec.errors.InputError` unless both lie in [0, 1) and leave something to train on."""
    if not (0 <= valid < 1 and 0 <= test < 1 and valid + test < 1):
        raise InputError(
            f"data.split ({split}): valid {valid} and test {test} must each lie in [0, 1) "
            "and add up to less than 1"
        )


def complete_timestamps(split: str, interactions: Interactions) -> FloatArray:
    """The timestamps ``[n]``; :class:`kgrec.errors.InputError` where any is missing."""
    if interactions.timestamps is None:
        raise InputError(f"data.split ({split}): the interactions have no timestamps; use data/split=random")
    missing = int(np.isnan(interactions.timestamps).sum())
    if missing:
        raise InputError(
            f"data.split ({split}): {missing} of {len(interactions)} interactions have no timestamp; "
            "all need one"
        )
    return interactions.timestamps


def rank_within_user(users: IntArray, order: IntArray, num_users: int) -> tuple[IntArray, IntArray]:
    """Number each user's rows in the order given.

    Args:
        users: ``[n]`` user of each row.
        order: ``[n]`` a permutation of the rows.
        num_users: U.

    Returns:
        ``rank [n]``: 0 for the row of its user that comes first in ``order``, 1 for the next …; and
        ``count [n]``: the number of rows of the row's user.
    """
    counts = np.bincount(users, minlength=num_users)
    starts = np.cumsum(counts) - counts
    by_user = order[np.argsort(users[order], kind="stable")]
    rank = np.empty(len(users), dtype=np.int64)
    rank[by_user] = np.arange(len(users)) - starts[users[by_user]]
    return rank, counts[users]
