from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from kgrec.data.dataset import RecDataset
from kgrec.data.labels import Negatives
from kgrec.errors import InputError
from kgrec.evaluation.click_metrics.accuracy import Accuracy
from kgrec.evaluation.click_metrics.auc import AUC
from kgrec.evaluation.click_metrics.f1 import F1
from kgrec.evaluation.ctr import ClickEvaluator

NOTHING = np.empty((0, 2), dtype=np.int64)


class Table:
    """Log-odds read off a table ``[U, I]``."""

    device = torch.device("cpu")

    def __init__(self, rows: list[list[float]]) -> None:
        self.table = torch.tensor(rows)

    def score(self, user_ids: Tensor) -> Tensor:
        return self.table[user_ids]

    def score_pairs(self, user_ids: Tensor, item_ids: Tensor) -> Tensor:
        return self.table[user_ids, item_ids]


@pytest.fixture
def dataset(make_dataset: Callable[..., RecDataset]) -> RecDataset:
    """Valid rows: user 0 has items 1 (observed) and 2, user 2 has item 0 (observed). Test: one of each."""
    plain = make_dataset(3, 4, train=[[0, 0], [2, 3]], valid=[[0, 1], [2, 0]], test=[[0, 3]])
    negatives = Negatives(NOTHING, np.array([[0, 2]]), np.array([[2, 1]]))
    return replace(plain, negatives=negatives)


def evaluator(**changes: object) -> ClickEvaluator:
    settings: dict[str, object] = {
        "metrics": [AUC(), F1(), Accuracy()],
        "selection_metric": "valid/auc",
        "block_size": 2,
        "batchwise": None,
    }
    return ClickEvaluator(**(settings | changes))  # type: ignore[arg-type]


SCORES = [[0.0, 2.0, 1.0, 0.0], [0.0] * 4, [-1.0, 0.0, 0.0, 0.0]]


def test_rows_are_measured_together_and_by_user(dataset: RecDataset) -> None:
    found = evaluator().measure(Table(SCORES), dataset, "valid")
    assert found.means["valid/auc"] == 0.5  # 2 > 1 and not -1 > 1
    assert found.means["valid/f1"] == 0.5
    assert found.means["valid/accuracy"] == pytest.approx(1 / 3)
    assert found.user_ids.tolist() == [0, 2]
    np.testing.assert_array_equal(found.columns["valid/user/auc"], [1.0, np.nan])
    np.testing.assert_array_equal(found.columns["valid/user/accuracy"], [0.5, 0.0])
    assert found.means["valid/user/auc"] == 1  # of the one user who has both kinds
    assert found.means["valid/user/accuracy"] == 0.25
    assert set(found.means) == set(evaluator().keys("valid"))


def test_each_split_has_its_own_rows(dataset: RecDataset) -> None:
    found = evaluator().measure(Table(SCORES), dataset, "test")
    assert found.means["test/auc"] == 0.5  # a tie
    assert set(found.means) == set(evaluator().keys("test"))


def test_the_published_mean_over_full_mini_batches_is_an_option(dataset: RecDataset) -> None:
    """Three rows in batches of two: one batch counts, the third row does not."""
    found = evaluator(batchwise=2).measure(Table(SCORES), dataset, "valid")
    assert found.means["valid/auc"] == 0.5  # all rows, as ever
    assert found.means["valid/batchwise/accuracy"] in {0.0, 0.5}  # 1/3 over all three
    assert "batchwise" not in str(evaluator().keys("valid"))
    assert evaluator(batchwise=2).protocol()["batchwise"].startswith("means over full mini-batches of 2 rows")
    assert "batchwise" not in evaluator().protocol()
    with pytest.raises(InputError, match=r"eval\.batchwise: found 4, expected at most the 3 rows of toy"):
        evaluator(batchwise=4).measure(Table(SCORES), dataset, "valid")


def test_batches_of_one_row_give_the_mean_over_rows(dataset: RecDataset) -> None:
    found = evaluator(batchwise=1).measure(Table(SCORES), dataset, "valid").means
    assert found["valid/batchwise/accuracy"] == pytest.approx(found["valid/accuracy"])


def test_the_direction_is_that_of_the_selected_metric() -> None:
    assert evaluator().selection_higher_is_better
    assert evaluator().protocol()["selected_on"] == "valid/auc"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"metrics": []}, r"eval\.metrics: found \[\]"),
        ({"metrics": [AUC(), AUC()]}, "none twice"),
        ({"block_size": 0}, r"eval\.block_size: found 0"),
        ({"batchwise": 0}, r"eval\.batchwise: found 0"),
        ({"selection_metric": "test/auc"}, r"found 'test/auc', expected one of valid/auc"),
        ({"selection_metric": "valid/batchwise/auc"}, "expected one of"),
    ],
)
def test_wrong_settings_are_named(changes: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        evaluator(**changes)


def test_rows_without_labels_are_refused(make_dataset: Callable[..., RecDataset]) -> None:
    plain = make_dataset(1, 2, train=[[0, 0]], valid=[[0, 1]])
    with pytest.raises(InputError, match=r"found no labelled rows.*set data/split=labelled"):
        evaluator().measure(Table([[0.0, 0.0]]), plain, "valid")


def test_log_odds_must_be_finite(dataset: RecDataset) -> None:
    with pytest.raises(ValueError, match="1 log-odds of 3 are not finite"):
        evaluator().measure(Table([[0.0, np.inf, 0.0, 0.0], [0.0] * 4, [0.0] * 4]), dataset, "valid")


def test_examples_are_the_rows_of_a_user_by_their_odds(dataset: RecDataset) -> None:
    lists = evaluator().examples(Table(SCORES), dataset, "valid", count=9, k=3)
    assert lists.user_ids.tolist() == [0, 2]
    assert lists.items.tolist() == [[1, 2, -1], [0, -1, -1]]
    assert lists.hits.tolist() == [[True, False, False], [True, False, False]]
    assert lists.num_relevant.tolist() == [1, 1]
