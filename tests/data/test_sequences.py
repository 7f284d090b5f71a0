"""From frames to sequences, and what is refused on the way."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from kgrec.data.dataset import RawDataset, RecDataset
from kgrec.data.ids import IdMap
from kgrec.data.leaks import guard_against_leaks
from kgrec.data.prepare import prepare
from kgrec.data.sequences import Sequences
from kgrec.data.splits import NextItemSplit, SplitResult
from kgrec.errors import InputError
from kgrec.evaluation.leaks import check_no_leak

NO_PAIRS = np.empty((0, 2), dtype=np.int64)
MakeRaw = Callable[..., RawDataset]


def prepared(raw: RawDataset) -> RecDataset:
    return prepare(
        raw,
        split=NextItemSplit(0.25, 0.25, 10, 1, "every", "every"),
        rating_threshold=None,
        k_core=0,
        drop_inverse_relations=None,
        seed=0,
    )


def test_users_are_sequences_named_by_user_and_place(make_raw: MakeRaw) -> None:
    """ann i0 i1 i2, bob i0 i3, cat i1 i2: targets in time are ann's i1, i2, bob's i3, cat's i2."""
    dataset = prepared(make_raw())
    assert dataset.users.raw_ids == ["ann/1", "ann/2", "bob/1", "cat/1"]
    items = dataset.items.raw_ids
    assert [[part[0], items[part[1]]] for part in dataset.train.tolist()] == [[0, "i1"], [1, "i2"]]
    assert [items[item] for _, item in dataset.valid.tolist()] == ["i3"]
    assert [items[item] for _, item in dataset.test.tolist()] == ["i2"]
    histories = dataset.in_sequences().histories
    assert [[items[item] for item in row if item >= 0] for row in histories] == [
        ["i0"],
        ["i0", "i1"],
        ["i0"],
        ["i1"],
    ]
    assert any(line == "sequences: 4 of 3 users" for line in dataset.preparation_log)
    assert dataset.protocol["split_held_out"] == "every"
    check_no_leak(dataset, None)


def test_triples_about_the_user_of_a_held_out_sequence_are_found(make_raw: MakeRaw) -> None:
    raw = make_raw()
    told = pl.DataFrame([("cat", "heard", "e9")], schema=["head", "relation", "tail"], orient="row")
    with pytest.raises(InputError, match="1 of 2 valid and test pairs are stated by triples"):
        prepared(replace(raw, triples=pl.concat([raw.triples, told])))


def parts(train: list[list[int]], valid: list[list[int]], test: list[list[int]]) -> SplitResult:
    """Sequences 0 to 2 of user 0 with histories 5, 5 6 and 6 7."""
    cold = np.zeros(9, dtype=bool)
    sequences = Sequences(np.zeros(3, dtype=int), np.arange(3), np.array([[-1, 5], [5, 6], [6, 7]]), NO_PAIRS)
    return SplitResult(*(np.array(part) for part in (train, valid, test)), cold, cold, sequences=sequences)


@pytest.mark.parametrize(
    ("order", "message"),
    [
        ([2, 1, 0], "1 of 1 valid targets stand in histories of train"),
        ([0, 2, 1], "1 of 1 test targets stand in histories of valid"),
        ([1, 2, 0], "1 of 1 test targets stand in histories of train"),
    ],
)
def test_a_history_holds_nothing_that_is_held_out_later(
    make_raw: MakeRaw, order: list[int], message: str
) -> None:
    users, items = IdMap(["ann"]), IdMap([f"i{item}" for item in range(9)])
    targets = [6, 7, 8]
    guard_against_leaks(make_raw(), parts([[0, 6]], [[1, 7]], [[2, 8]]), users, items)
    with pytest.raises(InputError, match=message):
        guard_against_leaks(
            make_raw(), parts(*([[sequence, targets[sequence]]] for sequence in order)), users, items
        )


def test_one_user_has_a_target_in_one_part_only(make_raw: MakeRaw) -> None:
    users, items = IdMap(["ann"]), IdMap([f"i{item}" for item in range(9)])
    with pytest.raises(InputError, match="1 of 1 valid pairs are also in train"):
        guard_against_leaks(make_raw(), parts([[0, 8]], [[1, 8]], [[2, 4]]), users, items)


def test_a_target_in_its_own_history_is_named(make_raw: MakeRaw) -> None:
    dataset = prepared(make_raw())
    sequence, item = dataset.test[0]
    histories = dataset.in_sequences().histories.copy()
    histories[sequence, -1] = item
    leaky = replace(dataset, sequences=replace(dataset.in_sequences(), histories=histories))
    with pytest.raises(InputError, match=r"1 test targets also stand in the history .* sequence cat/1"):
        check_no_leak(leaky, None)


def test_a_dataset_without_sequences_says_how_to_make_them(make_raw: MakeRaw) -> None:
    with pytest.raises(InputError, match=r"found no sequences.*set data/split=next_item"):
        replace(prepared(make_raw()), sequences=None).in_sequences()
