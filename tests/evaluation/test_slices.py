from collections.abc import Callable

import numpy as np
import pytest

from kgrec.data.dataset import RecDataset
from kgrec.evaluation.slices import LIGHT_USER_MAX, RARE_ITEM_MAX, SLICE_NAMES, in_slice


@pytest.fixture
def dataset(make_dataset: Callable[..., RecDataset]) -> RecDataset:
    """Item 0 has six training interactions, item 1 five, item 2 one, item 3 none; user 0 has six."""
    train = [[user, 0] for user in range(6)] + [[user, 1] for user in range(1, 6)] + [[0, 2]]
    train += [[0, item] for item in (4, 5, 6, 7)]
    return make_dataset(6, 8, train=train, unlinked=[1, 3], no_text=[2])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cold_items", [False, False, False, True]),
        ("warm_items", [True, True, True, False]),
        ("rare_items", [False, True, True, True]),
        ("unlinked_items", [False, True, False, True]),
        ("no_text_items", [False, False, True, False]),
    ],
)
def test_item_slices(dataset: RecDataset, name: str, expected: list[bool]) -> None:
    pairs = np.array([[5, item] for item in range(4)])
    assert in_slice(name, dataset, pairs).tolist() == expected


def test_user_slices(dataset: RecDataset) -> None:
    assert np.bincount(dataset.train[:, 0])[[0, 1]].tolist() == [6, 2]
    assert in_slice("light_users", dataset, np.array([[0, 3], [1, 3]])).tolist() == [False, True]
    assert RARE_ITEM_MAX == LIGHT_USER_MAX == 5


def test_every_name_gives_a_mask_also_of_nothing(dataset: RecDataset) -> None:
    for name in SLICE_NAMES:
        assert in_slice(name, dataset, np.empty((0, 2), dtype=np.int64)).shape == (0,)


def test_unknown_name(dataset: RecDataset) -> None:
    with pytest.raises(ValueError, match="no slice is called 'x'; slices: cold_items, "):
        in_slice("x", dataset, dataset.train)
