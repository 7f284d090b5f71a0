import numpy as np
import polars as pl

from kgrec.data.ids import IdMap
from kgrec.data.leaks import count_pairs_in_triples, count_shared_pairs, raw_pairs


def test_shared_pairs_need_both_ids_to_agree() -> None:
    train = np.array([[0, 1], [1, 0], [2, 2]])
    assert count_shared_pairs(train, np.array([[0, 1], [1, 1], [2, 2], [0, 10]])) == 2


def test_pairs_whose_ids_have_the_same_digits_are_different() -> None:
    assert count_shared_pairs(np.array([[1, 11]]), np.array([[11, 1]])) == 0


def test_nothing_is_shared_with_nothing() -> None:
    nothing = np.empty((0, 2), dtype=np.int64)
    assert count_shared_pairs(nothing, np.array([[0, 0]])) == 0
    assert count_shared_pairs(np.array([[0, 0]]), nothing) == 0


def test_pairs_are_found_in_triples_in_both_directions_and_counted_once() -> None:
    pairs = pl.DataFrame({"user": ["u1", "u2", "u3"], "item": ["i", "i", "i"]})
    triples = pl.DataFrame(
        {"head": ["u1", "e", "u3", "u1"], "relation": ["r"] * 4, "tail": ["e", "u2", "other", "e"]}
    )
    links = pl.DataFrame({"item": ["i"], "entity": ["e"]})
    assert count_pairs_in_triples(pairs, triples, links) == 2
    assert count_pairs_in_triples(pairs, triples, links.clear()) == 0


def test_raw_pairs_have_the_names_of_the_ids() -> None:
    frame = raw_pairs(np.array([[1, 0], [0, 0]]), IdMap(["ann", "bob"]), IdMap(["x"]))
    assert frame.rows(named=True) == [{"user": "bob", "item": "x"}, {"user": "ann", "item": "x"}]
