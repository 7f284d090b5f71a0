from collections.abc import Callable, Sequence

import numpy as np
import pytest

from kgrec.data.dataset import RecDataset
from kgrec.data.ids import IdMap

MakeDataset = Callable[..., RecDataset]


def pairs(rows: Sequence[Sequence[int]]) -> np.ndarray:
    return np.array(rows, dtype=np.int64).reshape(-1, 2)


def mask(ids: Sequence[int], size: int) -> np.ndarray:
    return np.isin(np.arange(size), ids)


@pytest.fixture
def make_dataset() -> MakeDataset:
    """A dataset without triples; every item has a text and an entity unless told otherwise."""

    def make(
        num_users: int,
        num_items: int,
        train: Sequence[Sequence[int]],
        valid: Sequence[Sequence[int]] = (),
        test: Sequence[Sequence[int]] = (),
        cold_valid: Sequence[int] = (),
        cold_test: Sequence[int] = (),
        raw_items: list[str] | None = None,
        unlinked: Sequence[int] = (),
        no_text: Sequence[int] = (),
    ) -> RecDataset:
        return RecDataset(
            name="toy",
            users=IdMap([f"u{user}" for user in range(num_users)]),
            items=IdMap(raw_items or [f"i{item}" for item in range(num_items)]),
            entities=IdMap([f"e{item}" for item in range(num_items)]),
            relations=IdMap([]),
            train=pairs(train),
            valid=pairs(valid),
            test=pairs(test),
            triples=np.empty((0, 3), dtype=np.int64),
            item_to_entity=np.where(mask(unlinked, num_items), -1, np.arange(num_items)),
            item_texts=["" if item in no_text else f"text {item}" for item in range(num_items)],
            item_titles=[f"title {item}" for item in range(num_items)],
            cold_valid=mask(cold_valid, num_items),
            cold_test=mask(cold_test, num_items),
        )

    return make
