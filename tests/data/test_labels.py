import numpy as np
import pytest

from kgrec.data.labels import Negatives, Rows

SOME, OTHER, NONE = np.array([[0, 1], [2, 1]]), np.array([[1, 1]]), np.empty((0, 2), dtype=np.int64)


def test_labelled_rows_are_positives_and_then_negatives() -> None:
    rows = Rows.of(SOME, OTHER)
    assert rows.pairs.tolist() == [[0, 1], [2, 1], [1, 1]]
    assert rows.known_labels.tolist() == [1, 1, 0]
    assert rows.positives.tolist() == SOME.tolist()
    assert len(rows) == 3


def test_rows_without_labels_are_all_observed() -> None:
    assert Rows(SOME).positives.tolist() == SOME.tolist()
    assert Rows(SOME).known_labels.tolist() == [1, 1]


def test_negatives_of_some_users() -> None:
    kept = Negatives(SOME, OTHER, NONE).of_users(np.array([True, False, False]))
    assert kept.train.tolist() == [[0, 1]]
    assert (len(kept.valid), len(kept.test)) == (0, 0)
    with pytest.raises(AttributeError):
        kept.train = SOME  # type: ignore[misc]
