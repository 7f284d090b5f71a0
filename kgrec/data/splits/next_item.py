"""Sequences in time: the item that follows a short history is to be told."""

from typing import ClassVar, Literal

import numpy as np

from kgrec.data.sequences import Sequences
from kgrec.data.splits.base import (
    Interactions,
    SplitResult,
    check_fractions,
    complete_timestamps,
    rank_within_user,
)
from kgrec.errors import InputError
from kgrec.shapes import IntArray

WHICH = ("every", "last")


class NextItemSplit:
    """One sequence for each interaction: it is the target, the user's last items before it are the history.

    After `LLaRA <https://arxiv.org/abs/2312.02445>`_ (Liao et al., SIGIR 2024, §4.1): all sequences in the
    order of their target's time, the first 1 - ``valid`` - ``test`` of them to train on, the last ``test`` to
    test on, boundaries rounded down. Interactions of one instant stay in the order of the file within a user;
    sequences of one instant stand in the order of the users' ids, and may lie on both sides of a boundary.

    Published: the code (``data/movielens_data.py`` at commit f61bdb6 of ljy0ustc/LLaRA) keeps histories of
    at most 10 items, and sequences whose ``len_seq`` is at least 3. It reads files that are split already:
    which items of a user are targets is not told. Its figures on MovieLens-100K are multiples of 1/95, so
    that there seems to be one sequence for each of the 943 users; ``held_out = last`` takes the last one.
    ``held_out = every`` has a hundred times as many sequences to measure on.

    Args:
        valid: share of the sequences for validation, [0, 1).
        test: the same for test.
        max_history: L ≥ 1, the most items in a history.
        min_history: ≥ 1; interactions with fewer earlier ones of the user are in histories alone.
        held_out: "every" = all sequences are shared out, so that a user may be in several parts; "last" = the
            users are, by their last sequence, which alone of their sequences is then held out.
        trained_on: "every" sequence of the training part, or each user's "last" one there.

    Raises:
        InputError: a setting out of range.
    """

    name: ClassVar[str] = "next_item"

    def __init__(
        self,
        valid: float,
        test: float,
        max_history: int,
        min_history: int,
        held_out: Literal["every", "last"],
        trained_on: Literal["every", "last"],
    ) -> None:
        check_fractions(self.name, valid, test)
        for setting, count in {"max_history": max_history, "min_history": min_history}.items():
            if count < 1:
                raise InputError(f"data.split.{setting}: found {count}, expected at least 1")
        for setting, which in {"held_out": held_out, "trained_on": trained_on}.items():
            if which not in WHICH:
                raise InputError(f"data.split.{setting}: found {which!r}, expected {' or '.join(WHICH)}")
        self.valid = valid
        self.test = test
        self.max_history = max_history
        self.min_history = min_history
        self.held_out = held_out
        self.trained_on = trained_on

    def __call__(self, interactions: Interactions, num_users: int, num_items: int, seed: int) -> SplitResult:
        """The split in time; nothing is random, ``seed`` plays no role.

        Raises:
            InputError: a timestamp is missing, or nobody has more than ``min_history`` interactions.
        """
        times = complete_timestamps(self.name, interactions)
        users, items = interactions.pairs.T
        order = np.lexsort((np.arange(len(users)), times, users))  # by user, then in time
        rank, _ = rank_within_user(users, order, num_users)
        rows = order[rank[order] >= self.min_history]
        rows = rows[np.argsort(times[rows], kind="stable")]
        if len(rows) == 0:
            raise InputError(
                f"data.split ({self.name}): no user has more than {self.min_history} interactions; lower "
                "data.split.min_history"
            )
        parts = self._parts(users[rows])
        kept = np.concatenate(parts)
        histories = _histories(items[order], _position(order), rows[kept], rank, self.max_history)
        pairs = np.stack([np.arange(len(kept)), items[rows[kept]]], axis=1)
        train, valid, test = np.split(pairs, np.cumsum([len(part) for part in parts[:2]]))
        is_cold = np.zeros(num_items, dtype=bool)
        sequences = Sequences(users[rows[kept]], rank[rows[kept]], histories, interactions.pairs)
        return SplitResult(train, valid, test, is_cold, is_cold.copy(), sequences=sequences)

    def _parts(self, users: IntArray) -> tuple[IntArray, IntArray, IntArray]:
        """Positions of the sequences of train, valid and test, among all in the order of time.

        Args:
            users: ``[n]`` user of each sequence.
        """
        last = _last_of_each(users)
        shared = last if self.held_out == "last" else np.arange(len(users))
        begin, end = (
            int(len(shared) * share + 1e-9) for share in (1 - self.valid - self.test, 1 - self.test)
        )
        valid, test = shared[begin:end], shared[end:]
        if self.held_out == "last":
            train = np.flatnonzero(np.isin(users, users[shared[:begin]]))
        else:
            train = shared[:begin]
        if self.trained_on == "last":
            train = train[_last_of_each(users[train])]
        return train, valid, test


def _last_of_each(users: IntArray) -> IntArray:
    """Ascending: position of the last occurrence of each value of ``users [n]``."""
    _, first_from_behind = np.unique(users[::-1], return_index=True)
    return np.sort(len(users) - 1 - first_from_behind)


def _position(order: IntArray) -> IntArray:
    """The inverse of a permutation."""
    position = np.empty_like(order)
    position[order] = np.arange(len(order))
    return position


def _histories(items: IntArray, position: IntArray, rows: IntArray, rank: IntArray, length: int) -> IntArray:
    """``[n, length]``: the items before each of ``rows [n]``, -1 where there are none.

    Args:
        items: item of each interaction, user by user in time.
        position: of each row in that order.
        rows: of the targets.
        rank: of each row among those of its user.
        length: L.
    """
    back = np.arange(length, 0, -1)
    source = position[rows][:, None] - back
    return np.where(back <= rank[rows][:, None], items[np.maximum(source, 0)], -1)
