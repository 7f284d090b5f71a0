import numpy as np
import pytest

from kgrec.data.splits import Interactions, LabelledSplit, SplitResult
from kgrec.errors import InputError

NUM_USERS, NUM_ITEMS = 20, 90


def interactions() -> Interactions:
    keys = np.sort(np.random.default_rng(0).choice(NUM_USERS * NUM_ITEMS, size=300, replace=False))
    return Interactions(np.stack([keys // NUM_ITEMS, keys % NUM_ITEMS], axis=1))


def split(seed: int = 0, negatives_per_positive: int = 1) -> SplitResult:
    made = LabelledSplit(valid=0.2, test=0.2, negatives_per_positive=negatives_per_positive)
    return made(interactions(), NUM_USERS, NUM_ITEMS, seed)


def rows_of(result: SplitResult) -> list[tuple[int, int]]:
    assert result.negatives is not None
    parts = (result.train, result.valid, result.test, *vars(result.negatives).values())
    return [(user, item) for part in parts for user, item in part.tolist()]


@pytest.mark.parametrize("ratio", [1, 2])
def test_each_user_has_as_many_unobserved_items_as_the_ratio_says(ratio: int) -> None:
    result = split(negatives_per_positive=ratio)
    observed = {(user, item) for user, item in interactions().pairs.tolist()}
    rows = rows_of(result)
    assert len(rows) == len(set(rows)) == 300 * (1 + ratio)
    drawn = np.array([row for row in rows if row not in observed])
    counts = np.bincount(interactions().pairs[:, 0], minlength=NUM_USERS)
    assert np.bincount(drawn[:, 0], minlength=NUM_USERS).tolist() == (ratio * counts).tolist()
    assert observed <= set(rows)


def test_the_shares_are_those_of_all_rows_together() -> None:
    result = split()
    assert result.negatives is not None
    assert len(result.test) + len(result.negatives.test) == 120
    assert len(result.valid) + len(result.negatives.valid) == 120
    assert 40 < len(result.test) < 80  # either kind, by chance


def test_negatives_are_uniform_over_unobserved_items() -> None:
    pairs = np.array([[0, 0], [0, 1], [1, 0]])
    drawn = np.zeros(6)
    for seed in range(600):
        result = LabelledSplit(0.0, 0.0, 1)(Interactions(pairs), 2, 6, seed)
        assert result.negatives is not None
        negatives = result.negatives.train
        drawn[negatives[negatives[:, 0] == 0, 1]] += 1
    assert drawn[:2].sum() == 0
    assert np.abs(drawn[2:] - 300).max() < 60  # 600 draws of 2 of 4 items; sd 12


def test_the_seed_decides_and_nothing_else() -> None:
    assert rows_of(split(3)) == rows_of(split(3))
    assert rows_of(split(3)) != rows_of(split(4))


def test_too_few_unobserved_items_are_named() -> None:
    full = np.array([[0, item] for item in range(6)])
    with pytest.raises(InputError, match="a user with 6 of 10 items needs 6 negatives, and has 4"):
        LabelledSplit(0.2, 0.2, 1)(Interactions(full), 1, 10, 0)


@pytest.mark.parametrize(("valid", "ratio", "named"), [(1.0, 1, "valid"), (0.2, 0, "negatives_per_positive")])
def test_settings_out_of_range_are_named(valid: float, ratio: int, named: str) -> None:
    with pytest.raises(InputError, match=named):
        LabelledSplit(valid, 0.2, ratio)
