from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import polars as pl
import pytest

from kgrec.data.dataset import RawDataset, RecDataset
from kgrec.data.prepare import prepare, raw_counts
from kgrec.data.splits import (
    ColdItemSplit,
    GivenSplit,
    Interactions,
    LeaveOneOutSplit,
    RandomSplit,
    Split,
    SplitResult,
)
from kgrec.errors import InputError

MakeRaw = Callable[..., RawDataset]


def prepared(raw: RawDataset, **changes: Any) -> RecDataset:
    settings: dict[str, Any] = {
        "split": LeaveOneOutSplit(),
        "rating_threshold": None,
        "k_core": 0,
        "drop_inverse_relations": None,
        "seed": 0,
    }
    return prepare(raw, **(settings | changes))


class FixedSplit:
    """Held-out pairs as told."""

    name: ClassVar[str] = "fixed"

    def __init__(self, valid: list[list[int]], test: list[list[int]], train: list[list[int]]) -> None:
        self.parts = train, valid, test

    def __call__(self, interactions: Interactions, num_users: int, num_items: int, seed: int) -> SplitResult:
        train, valid, test = (np.array(part, dtype=np.int64).reshape(-1, 2) for part in self.parts)
        cold = np.zeros(num_items, dtype=bool)
        return SplitResult(train, valid, test, cold, cold)


def test_ids_go_by_first_appearance(make_raw: MakeRaw) -> None:
    dataset = prepared(make_raw())
    assert dataset.users.raw_ids == ["ann", "bob", "cat", "dan"]
    assert dataset.items.raw_ids == ["i0", "i1", "i2", "i3"]
    assert dataset.entities.raw_ids == ["e0", "e1", "p0", "e9"]
    assert dataset.relations.raw_ids == ["by", "made"]
    assert dataset.item_to_entity.tolist() == [0, 1, 3, -1]
    assert dataset.triples.tolist() == [[0, 0, 2], [1, 0, 2], [2, 1, 0], [2, 1, 1]]


def test_ids_and_triples_do_not_depend_on_the_seed(make_raw: MakeRaw) -> None:
    split = ColdItemSplit(test_fraction=0.25, valid_fraction=0.25)
    # Seeds that leave each part something to hold.
    datasets = []
    for seed in range(30):
        try:
            datasets.append(prepared(make_raw(), split=split, seed=seed))
        except InputError:
            continue
    assert len({tuple(np.flatnonzero(dataset.cold_test)) for dataset in datasets}) > 1
    for dataset in datasets:
        assert dataset.users.raw_ids == datasets[0].users.raw_ids
        assert dataset.items.raw_ids == datasets[0].items.raw_ids
        assert np.array_equal(dataset.triples, datasets[0].triples)


def test_texts_and_titles_have_a_place_for_each_item(make_raw: MakeRaw) -> None:
    dataset = prepared(make_raw())
    assert dataset.item_texts == ["zero", "", "two", ""]
    assert dataset.item_titles == ["Zero", "One", "i2", "i3"]


def test_items_without_a_positive_stay_in_the_catalogue_and_users_go(make_raw: MakeRaw) -> None:
    dataset = prepared(make_raw(), rating_threshold=5.0, split=RandomSplit(valid=0, test=0))
    assert dataset.num_items == 4
    assert dataset.users.raw_ids == ["ann", "bob"]
    assert dataset.train.tolist() == [[0, 0], [1, 0]]


def test_a_core_takes_items_out_of_the_catalogue(make_raw: MakeRaw) -> None:
    dataset = prepared(make_raw(), k_core=2, split=RandomSplit(valid=0, test=0.4))
    assert dataset.items.raw_ids == ["i1", "i2"]
    assert dataset.users.raw_ids == ["ann", "cat"]
    assert "2-core: 8 → 4 interactions, 4 → 2 users, 4 → 2 items" in dataset.preparation_log
    assert dataset.entities.raw_ids == ["e0", "e1", "p0", "e9"]


def test_every_step_is_logged(make_raw: MakeRaw) -> None:
    dataset = prepared(make_raw(), rating_threshold=2.0, drop_inverse_relations=1.0)
    assert dataset.preparation_log == (
        "tiny as read: 4 users, 4 items, 8 interactions, 2 items with text, 4 entities, 2 relations, "
        "4 triples, 3 linked items",
        "rating >= 2.0: 8 → 7 interactions",
        "duplicate pairs dropped: 7 → 7 interactions",
        "catalogue: 4 items, 0 without a positive, 1 not in the item table, 0 repeated rows of the item "
        "table dropped",
        "split leave_one_out: 5 train, 1 valid, 1 test interactions; 0 cold items for valid, 0 for test",
        "users without training interactions: 0, who lose 0 valid and 0 test rows",
        "duplicate triples dropped: 4 → 4 triples",
        "links dropped (0 repeated, 0 of unknown items, 0 beyond an item's first): 3 → 3 links",
        "inverse relations dropped: 2 → 1 relations, 4 → 2 triples, 0 of the dropped had no inverse (made)",
        "knowledge graph: 4 entities, 1 relations, 2 triples; 3 of 4 items linked, 1 of them to an entity "
        "without triples",
    )


def test_the_protocol_names_the_split_and_its_settings(make_raw: MakeRaw) -> None:
    dataset = prepared(make_raw(), split=RandomSplit(valid=0.2, test=0.3), rating_threshold=1.0)
    assert dataset.protocol == {
        "split": "random",
        "split_valid": 0.2,
        "split_test": 0.3,
        "rating_threshold": 1.0,
        "k_core": 0,
        "drop_inverse_relations": "none",
    }


def test_held_out_rows_of_untrained_users_are_dropped_and_counted(make_raw: MakeRaw) -> None:
    split = FixedSplit(train=[[0, 0]], valid=[[0, 1], [1, 3]], test=[[0, 2], [2, 1], [2, 2]])
    dataset = prepared(make_raw(), split=split)
    assert (dataset.valid.tolist(), dataset.test.tolist()) == ([[0, 1]], [[0, 2]])
    line = "users without training interactions: 3, who lose 1 valid and 2 test rows"
    assert line in dataset.preparation_log


@pytest.mark.parametrize(
    ("split", "message"),
    [
        (FixedSplit(train=[], valid=[[0, 0]], test=[[0, 1]]), "no training interaction is left"),
        (FixedSplit(train=[[0, 0]], valid=[[1, 0]], test=[[0, 1]]), "no user of the 1 valid interactions"),
        (FixedSplit(train=[[0, 0]], valid=[[0, 1]], test=[[1, 0]]), "no user of the 1 test interactions"),
        (FixedSplit(train=[[0, 0]], valid=[[0, 0]], test=[]), "1 of 1 valid pairs are also in train"),
        (FixedSplit(train=[[0, 0]], valid=[], test=[[0, 0], [0, 1]]), "1 of 2 test pairs are also in train"),
        (FixedSplit(train=[[0, 0]], valid=[[0, 1]], test=[[0, 1]]), "1 of 1 test pairs are also in valid"),
    ],
)
def test_a_split_that_leaks_or_leaves_nothing_is_refused(
    make_raw: MakeRaw, split: Split, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        prepared(make_raw(), split=split)


@pytest.mark.parametrize("row", [("ann", "heard", "e1"), ("e1", "heard_by", "ann")])
def test_held_out_pairs_among_the_triples_are_refused(make_raw: MakeRaw, row: tuple[str, str, str]) -> None:
    triples = pl.DataFrame([row], schema=["head", "relation", "tail"], orient="row")
    split = FixedSplit(train=[[0, 0]], valid=[[0, 2]], test=[[0, 1]])
    with pytest.raises(InputError, match="1 of 2 valid and test pairs are stated by triples"):
        prepared(make_raw(triples=triples), split=split)
    training_pair = FixedSplit(train=[[0, 1]], valid=[[0, 2]], test=[[0, 0]])
    assert len(prepared(make_raw(triples=triples), split=training_pair).triples) == 1


def test_a_given_split_is_read_from_the_data(make_raw: MakeRaw) -> None:
    raw = make_raw()
    parts = pl.Series("split", ["train", "valid", "test", "train", "train", "train", "train", "test"])
    with_parts = make_raw(interactions=raw.interactions.with_columns(parts))
    dataset = prepared(with_parts, split=GivenSplit())
    assert dataset.valid.tolist() == [[0, 1]]
    assert dataset.test.tolist() == [[0, 2]]  # dan has no training interaction
    counts = raw_counts(with_parts)
    assert {part: counts[part] for part in ("train", "valid", "test")} == {"train": 5, "valid": 1, "test": 2}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rating_threshold": 6.0}, "no interaction is left"),
        ({"k_core": -1}, r"data\.k_core is -1"),
        ({"drop_inverse_relations": 0.0}, r"data\.drop_inverse_relations is 0\.0"),
        ({"drop_inverse_relations": 1.5}, r"data\.drop_inverse_relations is 1\.5"),
    ],
)
def test_settings_that_do_not_fit_are_refused(
    make_raw: MakeRaw, changes: dict[str, float], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        prepared(make_raw(), **changes)


def test_rows_without_user_or_item_are_refused(make_raw: MakeRaw) -> None:
    raw = make_raw()
    nameless = raw.interactions.with_columns(user=pl.col("user").replace("ann", None))
    with pytest.raises(InputError, match="3 rows have no user or no item"):
        prepared(make_raw(interactions=nameless))
