"""A log of three users written by hand, and what becomes of it."""

from typing import Any

import numpy as np
import pytest

from kgrec.data.sequences import Sequences
from kgrec.data.splits import Interactions, NextItemSplit, SplitResult
from kgrec.errors import InputError

NO_PAIRS = np.empty((0, 2), dtype=np.int64)
# user, item, time; user 2's rows stand in the file in another order than in time, two of user 0's tie
LOG = [
    (0, 5, 1),
    (2, 1, 8),
    (0, 3, 2),
    (0, 4, 2),
    (1, 0, 3),
    (1, 1, 4),
    (2, 2, 5),
    (1, 2, 6),
    (0, 0, 7),
    (2, 4, 9),
]


def interactions() -> Interactions:
    rows = np.array(LOG)
    return Interactions(rows[:, :2].copy(), timestamps=rows[:, 2].astype(float))


def split(**changes: Any) -> SplitResult:
    settings: dict[str, Any] = {
        "valid": 0.2,
        "test": 0.2,
        "max_history": 2,
        "min_history": 1,
        "held_out": "every",
        "trained_on": "every",
    }
    return NextItemSplit(**(settings | changes))(interactions(), 3, 6, seed=0)


def told(result: SplitResult, part: str) -> list[tuple[int, list[int], int]]:
    """User, history and target of each sequence of a part."""
    found = result.sequences
    assert found is not None
    pairs = getattr(result, part).tolist()
    return [(int(found.users[s]), found.histories[s].tolist(), target) for s, target in pairs]


def test_every_interaction_with_an_earlier_one_is_a_target_in_the_order_of_time() -> None:
    """Seven sequences: boundaries at 4.2 and 5.6 of them, rounded down."""
    result = split()
    assert told(result, "train") == [
        (0, [-1, 5], 3),  # time 2
        (0, [5, 3], 4),  # time 2 too: the order of the file
        (1, [-1, 0], 1),  # time 4
        (1, [0, 1], 2),  # time 6
    ]
    assert told(result, "valid") == [(0, [3, 4], 0)]  # time 7, two of three earlier items
    assert told(result, "test") == [(2, [-1, 2], 1), (2, [2, 1], 4)]  # times 8 and 9
    assert result.sequences is not None
    assert result.sequences.places.tolist() == [1, 2, 1, 2, 3, 1, 2]
    assert not result.cold_valid.any()
    assert not result.cold_test.any()


def test_short_histories_are_no_sequences() -> None:
    result = split(min_history=2, valid=0.25, test=0.25)
    assert told(result, "train") == [(0, [5, 3], 4), (1, [0, 1], 2)]
    assert told(result, "valid") == [(0, [3, 4], 0)]
    assert told(result, "test") == [(2, [2, 1], 4)]


def test_users_can_be_shared_out_by_their_last_sequence() -> None:
    """Last sequences at times 6 (user 1), 7 (user 0) and 9 (user 2)."""
    result = split(held_out="last", valid=0.33, test=0.33)
    assert told(result, "train") == [(1, [-1, 0], 1), (1, [0, 1], 2)]
    assert told(result, "valid") == [(0, [3, 4], 0)]
    assert told(result, "test") == [(2, [2, 1], 4)]
    assert told(split(held_out="last", trained_on="last", valid=0.33, test=0.33), "train") == [(1, [0, 1], 2)]


def test_training_can_have_each_users_last_sequence_alone() -> None:
    result = split(trained_on="last")
    assert told(result, "train") == [(0, [5, 3], 4), (1, [0, 1], 2)]
    assert len(result.valid) == 1
    assert len(result.test) == 2


def test_every_sequence_has_a_number_of_its_own() -> None:
    result = split()
    numbers = np.concatenate([result.train, result.valid, result.test])[:, 0]
    assert numbers.tolist() == list(range(7))


def test_the_seed_plays_no_role() -> None:
    made = NextItemSplit(0.2, 0.2, 2, 1, "every", "every")
    first, other = (made(interactions(), 3, 6, seed) for seed in (0, 1))
    assert np.array_equal(first.test, other.test)


def test_pairs_of_sequences_are_pairs_of_users() -> None:
    sequences = Sequences(np.array([4, 2]), np.array([1, 2]), np.array([[-1, 7], [5, 6]]), NO_PAIRS)
    assert sequences.of_users(np.array([[1, 9], [0, 8]])).tolist() == [[2, 9], [4, 8]]
    assert sequences.held(np.array([1, 0])).tolist() == [[2, 5], [2, 6], [4, 7]]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"valid": 0.9}, "must each lie in"),
        ({"max_history": 0}, "data.split.max_history: found 0, expected at least 1"),
        ({"min_history": 0}, "data.split.min_history: found 0"),
        ({"held_out": "some"}, "data.split.held_out: found 'some', expected every or last"),
        ({"trained_on": "first"}, "data.split.trained_on: found 'first'"),
        ({"min_history": 4}, "no user has more than 4 interactions"),
    ],
)
def test_settings_out_of_range_are_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        split(**changes)


def test_timestamps_are_needed() -> None:
    with pytest.raises(InputError, match="no timestamps"):
        NextItemSplit(0.2, 0.2, 2, 1, "every", "every")(Interactions(interactions().pairs), 3, 6, 0)
