from typing import Any

import numpy as np
import pytest

from kgrec.data.splits import (
    ColdItemSplit,
    GivenSplit,
    GivenTestSplit,
    Interactions,
    LeaveOneOutSplit,
    RandomSplit,
    SplitResult,
    TemporalSplit,
)
from kgrec.data.splits.base import rank_within_user
from kgrec.errors import InputError

NUM_USERS, NUM_ITEMS = 20, 50


def random_interactions(seed: int = 0) -> Interactions:
    generator = np.random.default_rng(seed)
    keys = np.sort(generator.choice(NUM_USERS * NUM_ITEMS, size=300, replace=False))
    return Interactions(
        pairs=np.stack([keys // NUM_ITEMS, keys % NUM_ITEMS], axis=1),
        timestamps=generator.permutation(300).astype(float),
        given=generator.choice(["train", "valid", "test"], size=300),
    )


def pairs_of(*parts: np.ndarray) -> set[tuple[int, int]]:
    return {(user, item) for part in parts for user, item in part.tolist()}


ALL_SPLITS = [
    GivenSplit(),
    RandomSplit(valid=0.1, test=0.2),
    TemporalSplit(valid=0.1, test=0.2),
    LeaveOneOutSplit(),
    ColdItemSplit(test_fraction=0.2, valid_fraction=0.1),
]


@pytest.mark.parametrize("split", ALL_SPLITS, ids=lambda split: split.name)
class TestEverySplit:
    def test_each_interaction_lands_in_exactly_one_part(self, split: Any) -> None:
        data = random_interactions()
        result = split(data, NUM_USERS, NUM_ITEMS, seed=3)
        assert min(len(result.train), len(result.valid), len(result.test)) > 0
        assert len(result.train) + len(result.valid) + len(result.test) == len(data)
        assert pairs_of(result.train, result.valid, result.test) == pairs_of(data.pairs)

    def test_the_seed_decides(self, split: Any) -> None:
        data = random_interactions()
        first, again, other = (split(data, NUM_USERS, NUM_ITEMS, seed=seed) for seed in (3, 3, 4))
        assert all(np.array_equal(getattr(first, name), getattr(again, name)) for name in vars(first))
        is_random = split.name in {"random", "cold_item"}
        assert np.array_equal(first.test, other.test) != is_random

    def test_only_a_cold_split_marks_items(self, split: Any) -> None:
        result = split(random_interactions(), NUM_USERS, NUM_ITEMS, seed=0)
        assert result.cold_valid.shape == result.cold_test.shape == (NUM_ITEMS,)
        marked = bool(result.cold_valid.any()), bool(result.cold_test.any())
        assert marked == (split.name == "cold_item",) * 2


def test_given_takes_the_parts_as_they_come() -> None:
    pairs = np.array([[0, 0], [0, 1], [1, 2]])
    result = GivenSplit()(Interactions(pairs, given=np.array(["test", "train", "valid"])), 2, 3, seed=0)
    assert (result.train.tolist(), result.valid.tolist(), result.test.tolist()) == (
        [[0, 1]],
        [[1, 2]],
        [[0, 0]],
    )


def test_given_refuses_data_without_a_split_or_with_other_parts() -> None:
    pairs = np.array([[0, 0], [0, 1]])
    with pytest.raises(InputError, match="comes without a split"):
        GivenSplit()(Interactions(pairs), 1, 2, seed=0)
    with pytest.raises(InputError, match="1 interactions belong to 'dev'"):
        GivenSplit()(Interactions(pairs, given=np.array(["train", "dev"])), 1, 2, seed=0)


def given_parts() -> Interactions:
    """Users 0 (20 train rows, 5 test rows) and 1 (one train row, one test row)."""
    users = np.array([0] * 25 + [1] * 2)
    given = np.array(["train"] * 20 + ["test"] * 5 + ["train", "test"])
    return Interactions(np.stack([users, np.arange(27)], axis=1), given=given)


def test_given_test_draws_validation_from_train_alone() -> None:
    data = given_parts()
    first, again, other = (GivenTestSplit(valid=0.1)(data, 2, 27, seed=seed) for seed in (0, 0, 1))
    assert first.test.tolist() == [*([0, item] for item in range(20, 25)), [1, 26]]
    assert first.valid[:, 0].tolist() == [0, 0]  # a tenth of twenty; who has one row keeps it
    assert pairs_of(first.train, first.valid) == {*((0, item) for item in range(20)), (1, 25)}
    assert first.valid.tolist() == again.valid.tolist() != other.valid.tolist()
    assert not (first.cold_valid | first.cold_test).any()


def test_given_test_refuses_what_it_cannot_split() -> None:
    pairs = np.array([[0, 0], [0, 1]])
    with pytest.raises(InputError, match="comes without a split"):
        GivenTestSplit(valid=0.1)(Interactions(pairs), 1, 2, seed=0)
    with pytest.raises(InputError, match="1 interactions belong to 'valid', expected train or test"):
        GivenTestSplit(valid=0.1)(Interactions(pairs, given=np.array(["train", "valid"])), 1, 2, seed=0)
    for share in (0, 1, -0.1):
        with pytest.raises(InputError, match="expected a share in"):
            GivenTestSplit(valid=share)


@pytest.mark.parametrize(
    ("count", "valid", "test"),
    [(1, 0, 0), (2, 0, 1), (3, 1, 1), (10, 1, 1), (29, 2, 2), (30, 3, 3), (100, 10, 10)],
)
def test_random_counts_are_those_of_eight_to_one_to_one(count: int, valid: int, test: int) -> None:
    pairs = np.stack([np.zeros(count, dtype=np.int64), np.arange(count)], axis=1)
    result = RandomSplit(valid=0.1, test=0.1)(Interactions(pairs), 1, count, seed=1)
    assert (len(result.train), len(result.valid), len(result.test)) == (count - valid - test, valid, test)


def test_random_counts_are_recboles_for_users_of_any_size() -> None:
    sizes = np.arange(1, 738)  # the largest user of ML-100K has 737 ratings
    users = np.repeat(np.arange(len(sizes)), sizes)
    pairs = np.stack([users, np.concatenate([np.arange(size) for size in sizes])], axis=1)
    result = RandomSplit(valid=0.1, test=0.1)(Interactions(pairs), len(sizes), 737, seed=0)
    found = [
        np.bincount(part[:, 0], minlength=len(sizes)) for part in (result.train, result.valid, result.test)
    ]
    assert np.stack(found, axis=1).tolist() == [recbole_counts(size) for size in sizes.tolist()]


def recbole_counts(size: int) -> list[int]:
    """Train, valid and test rows of a user by the rule of RecBole's ratio split, in exact arithmetic."""
    valid = test = size // 10
    train = size - valid - test
    if 0 < size < 10 and train > 1:
        test, train = test + 1, train - 1
    if 0 < size < 10 and train > 1:
        valid, train = valid + 1, train - 1
    return [train, valid, test]


def test_random_takes_all_positions_of_a_users_rows() -> None:
    pairs = np.stack([np.zeros(10, dtype=np.int64), np.arange(10)], axis=1)
    split = RandomSplit(valid=0, test=0.1)
    held_out = {int(split(Interactions(pairs), 1, 10, seed).test[0, 1]) for seed in range(100)}
    assert held_out == set(range(10))


def test_temporal_trains_on_nothing_later_than_it_tests_on() -> None:
    data = random_interactions()
    assert data.timestamps is not None
    time_of = dict(zip(map(tuple, data.pairs.tolist()), data.timestamps.tolist(), strict=True))
    result = TemporalSplit(valid=0.1, test=0.2)(data, NUM_USERS, NUM_ITEMS, seed=0)
    train, valid, test = (
        [time_of[pair] for pair in map(tuple, part.tolist())]
        for part in (result.train, result.valid, result.test)
    )
    assert max(train) < min(valid) <= max(valid) < min(test)
    assert (len(train), len(valid), len(test)) == (210, 30, 60)


def test_temporal_keeps_rows_of_one_instant_together() -> None:
    pairs = np.stack([np.zeros(5, dtype=np.int64), np.arange(5)], axis=1)
    data = Interactions(pairs, timestamps=np.array([1.0, 2.0, 2.0, 2.0, 3.0]))
    result = TemporalSplit(valid=0, test=0.4)(data, 1, 5, seed=0)
    assert result.test[:, 1].tolist() == [1, 2, 3, 4]


def test_temporal_without_shares_holds_nothing_out() -> None:
    result = TemporalSplit(valid=0, test=0)(random_interactions(), NUM_USERS, NUM_ITEMS, seed=0)
    assert (len(result.train), len(result.valid), len(result.test)) == (300, 0, 0)


def test_temporal_refuses_data_in_which_nothing_comes_first() -> None:
    pairs = np.array([[0, 0], [0, 1], [0, 2]])
    with pytest.raises(InputError, match="nothing is left to train on"):
        TemporalSplit(valid=0, test=0.3)(Interactions(pairs, timestamps=np.ones(3)), 1, 3, seed=0)


@pytest.mark.parametrize("split", [TemporalSplit(valid=0.1, test=0.1), LeaveOneOutSplit()])
def test_a_missing_timestamp_is_refused(split: Any) -> None:
    data = Interactions(np.array([[0, 0], [0, 1]]), timestamps=np.array([1.0, np.nan]))
    with pytest.raises(InputError, match="1 of 2 interactions have no timestamp"):
        split(data, 1, 2, seed=0)


def test_temporal_refuses_data_without_timestamps() -> None:
    with pytest.raises(InputError, match="no timestamps; use data/split=random"):
        TemporalSplit(valid=0.1, test=0.1)(Interactions(np.array([[0, 0]])), 1, 1, seed=0)


def test_leave_one_out_takes_the_last_two_of_users_with_three() -> None:
    pairs = np.array([[0, 0], [0, 1], [0, 2], [1, 0], [1, 1]])
    data = Interactions(pairs, timestamps=np.array([30.0, 10.0, 20.0, 1.0, 2.0]))
    result = LeaveOneOutSplit()(data, 2, 3, seed=0)
    assert (result.test.tolist(), result.valid.tolist()) == ([[0, 0]], [[0, 2]])
    assert result.train.tolist() == [[0, 1], [1, 0], [1, 1]]


@pytest.mark.parametrize("timestamps", [None, np.ones(5)], ids=["no times", "one instant"])
def test_leave_one_out_draws_where_time_does_not_tell(timestamps: Any) -> None:
    pairs = np.stack([np.zeros(5, dtype=np.int64), np.arange(5)], axis=1)
    results = [LeaveOneOutSplit()(Interactions(pairs, timestamps), 1, 5, seed) for seed in range(60)]
    assert {int(result.test[0, 1]) for result in results} == set(range(5))


def cold_split(seed: int) -> SplitResult:
    return ColdItemSplit(test_fraction=0.2, valid_fraction=0.1)(
        random_interactions(), NUM_USERS, NUM_ITEMS, seed
    )


def test_cold_items_are_a_share_of_the_catalogue_and_disjoint() -> None:
    result = cold_split(seed=0)
    assert (int(result.cold_test.sum()), int(result.cold_valid.sum())) == (10, 5)
    assert not (result.cold_test & result.cold_valid).any()


def test_all_interactions_of_a_cold_item_are_held_out() -> None:
    result = cold_split(seed=0)
    assert result.cold_test[result.test[:, 1]].all()
    assert result.cold_valid[result.valid[:, 1]].all()
    assert not (result.cold_test | result.cold_valid)[result.train[:, 1]].any()


def test_cold_items_do_not_depend_on_the_interactions() -> None:
    split = ColdItemSplit(test_fraction=0.2, valid_fraction=0.1)
    one, two = (split(random_interactions(seed), NUM_USERS, NUM_ITEMS, seed=7) for seed in (1, 2))
    assert np.array_equal(one.cold_test, two.cold_test)
    assert np.array_equal(one.cold_valid, two.cold_valid)


def test_cold_refuses_a_catalogue_too_small_for_its_shares() -> None:
    with pytest.raises(InputError, match="are 1 and 0 items"):
        ColdItemSplit(test_fraction=0.2, valid_fraction=0.01)(random_interactions(), NUM_USERS, 5, seed=0)


@pytest.mark.parametrize(("valid", "test"), [(0.5, 0.5), (-0.1, 0.2), (0, 1)])
def test_shares_must_leave_something_to_train_on(valid: float, test: float) -> None:
    for build in (RandomSplit, TemporalSplit):
        with pytest.raises(InputError, match="add up to less than 1"):
            build(valid=valid, test=test)
    with pytest.raises(InputError, match="add up to less than 1"):
        ColdItemSplit(test_fraction=test, valid_fraction=valid)


def test_rank_within_user_numbers_rows_in_the_order_given() -> None:
    rank, count = rank_within_user(np.array([1, 0, 1, 1]), np.array([3, 2, 1, 0]), num_users=3)
    assert (rank.tolist(), count.tolist()) == ([2, 0, 1, 0], [3, 1, 3, 3])


def test_rank_within_user_of_no_rows_is_empty() -> None:
    nothing = np.empty(0, dtype=np.int64)
    rank, count = rank_within_user(nothing, nothing, num_users=2)
    assert len(rank) == len(count) == 0
