"""Negatives are unobserved, uniform, and reproducible."""

import numpy as np
import pytest

from kgrec.data.sampling import NegativeSampler
from kgrec.errors import InputError

TRAIN = np.array([[0, 0], [0, 3], [0, 3], [2, 1], [2, 2], [2, 4], [3, 4]])
NUM_ITEMS = 5


def drawn(user: int, seed: int = 0, count: int = 4000) -> np.ndarray:
    sampler = NegativeSampler(TRAIN, NUM_ITEMS, num_negatives=2)
    return sampler.sample(np.full(count, user), np.random.default_rng(seed))


@pytest.mark.parametrize(("user", "unseen"), [(0, [1, 2, 4]), (2, [0, 3]), (3, [0, 1, 2, 3])])
def test_every_unseen_item_is_drawn_equally_often(user: int, unseen: list[int]) -> None:
    items, counts = np.unique(drawn(user), return_counts=True)
    assert items.tolist() == unseen
    assert counts / counts.sum() == pytest.approx(1 / len(unseen), abs=0.03)


def test_a_batch_of_several_users_keeps_them_apart() -> None:
    sampler = NegativeSampler(TRAIN, NUM_ITEMS, num_negatives=50)
    users = np.array([2, 0, 3, 2])
    negatives = sampler.sample(users, np.random.default_rng(1))
    assert negatives.shape == (4, 50)
    seen = {0: {0, 3}, 2: {1, 2, 4}, 3: {4}}
    for user, row in zip(users.tolist(), negatives.tolist(), strict=True):
        assert not seen[user] & set(row)


def test_draws_hang_on_the_generator_alone() -> None:
    assert drawn(0, seed=1).tolist() == drawn(0, seed=1).tolist()
    assert drawn(0, seed=1).tolist() != drawn(0, seed=2).tolist()


def test_a_user_who_has_seen_everything_is_refused() -> None:
    everything = np.stack([np.zeros(NUM_ITEMS, dtype=np.int64), np.arange(NUM_ITEMS)], axis=1)
    with pytest.raises(InputError, match="all 5 items, so there is no negative"):
        NegativeSampler(everything, NUM_ITEMS, num_negatives=1)
