from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from kgrec.data.dataset import RecDataset
from kgrec.data.sequences import Sequences
from kgrec.errors import InputError
from kgrec.evaluation.metrics.hit import Hit
from kgrec.evaluation.metrics.mrr import MRR
from kgrec.evaluation.next_item import NextItemEvaluator

NUM_SEQUENCES, NUM_ITEMS = 400, 30
TAKEN = np.array([[2, 1], [1, 4], [1, 5], [2, 5], [1, 0], [1, 1], [2, 0]])


class Table:
    """Scores read off a table ``[U, I]``."""

    device = torch.device("cpu")

    def __init__(self, table: Tensor) -> None:
        self.table = table

    def score(self, user_ids: Tensor) -> Tensor:
        return self.table[user_ids]

    def score_pairs(self, user_ids: Tensor, item_ids: Tensor) -> Tensor:
        return self.table[user_ids, item_ids]


def evaluator(**changes: Any) -> NextItemEvaluator:
    settings: dict[str, Any] = {
        "metrics": [Hit(), MRR()],
        "ks": [1, 3],
        "pools": ["any"],
        "num_candidates": 4,
        "draws": 1,
        "draw_seed": 0,
        "selection_metric": "valid/hit@1",
        "block_size": 7,
    }
    return NextItemEvaluator(**(settings | changes))


def with_sequences(dataset: RecDataset, histories: np.ndarray) -> RecDataset:
    numbers = np.arange(len(histories))
    return replace(dataset, sequences=Sequences(numbers, numbers, histories, TAKEN))


@pytest.fixture
def tiny(make_dataset: Callable[..., RecDataset]) -> RecDataset:
    """Sequences 1 and 2 of five items: all that is neither history nor target has to be drawn."""
    plain = make_dataset(3, 6, train=[[0, 1]], valid=[[2, 0], [1, 4]], test=[[0, 5]])
    return with_sequences(plain, np.array([[-1, 0], [0, 1], [5, 1]]))


@pytest.fixture
def many(make_dataset: Callable[..., RecDataset]) -> RecDataset:
    rng = np.random.default_rng(0)
    rows = np.stack([rng.permutation(NUM_ITEMS)[:3] for _ in range(NUM_SEQUENCES)])
    valid = np.stack([np.arange(NUM_SEQUENCES), rows[:, 2]], axis=1)
    plain = make_dataset(NUM_SEQUENCES, NUM_ITEMS, train=[[0, 1]], valid=valid.tolist())
    return with_sequences(plain, rows[:, :2])


def test_the_target_is_ranked_among_what_is_neither_history_nor_target(tiny: RecDataset) -> None:
    """Sequence 1: target 4 against 2, 3, 5. Sequence 2: target 0 against 2, 3, 4."""
    table = torch.tensor([[0.0] * 6, [9.0, 9.0, 1.0, 3.0, 2.0, 0.0], [5.0, 9.0, 1.0, 3.0, 2.0, 9.0]])
    found = evaluator().measure(Table(table), tiny, "valid")
    assert found.user_ids.tolist() == [1, 2]
    assert found.columns["valid/hit@1"].tolist() == [0.0, 1.0]  # ranks 2 and 1
    assert found.columns["valid/hit@3"].tolist() == [1.0, 1.0]
    assert found.columns["valid/mrr@3"].tolist() == [0.5, 1.0]
    assert found.means == {"valid/hit@1": 0.5, "valid/hit@3": 1.0, "valid/mrr@1": 0.5, "valid/mrr@3": 0.75}
    assert evaluator().keys("valid") == list(found.means)


def test_what_the_user_ever_took_can_be_left_out(tiny: RecDataset) -> None:
    """Sequence 1: target 4 against 2, 3, as its user took 5 too. Sequence 2: 0 against two of 2, 3, 4."""
    table = torch.tensor([[0.0] * 6, [9.0, 9.0, 1.0, 0.0, 2.0, 8.0], [1.0, 9.0, 2.0, 2.0, 2.0, 9.0]])
    both = evaluator(pools=["any", "unseen"], num_candidates=3, draws=60)
    found = both.measure(Table(table), tiny, "valid")
    assert found.columns["valid/unseen/hit@1"].tolist() == [pytest.approx(1.0), 0.0]
    assert 0.1 < found.columns["valid/hit@1"][0] < 0.6  # item 5 is in two of three lists
    assert both.keys("valid") == list(found.means)
    assert "from any and from unseen" in both.protocol()["candidates"]


def test_each_split_has_its_own_sequences(tiny: RecDataset) -> None:
    table = torch.zeros(3, 6)
    table[0, 5] = 1.0
    found = evaluator().measure(Table(table), tiny, "test")
    assert found.user_ids.tolist() == [0]
    assert found.means["test/hit@1"] == 1.0


def test_equal_scores_rank_at_chance(many: RecDataset) -> None:
    found = evaluator(num_candidates=5, draws=10).measure(
        Table(torch.zeros(NUM_SEQUENCES, NUM_ITEMS)), many, "valid"
    )
    assert found.means["valid/hit@1"] == pytest.approx(
        1 / 5, abs=0.03
    )  # sd of a mean of 400 lists .02 at most


def test_others_are_drawn_evenly(many: RecDataset) -> None:
    """The best item of a table is met in as many lists as it is drawn for: 3 of 27 items."""
    target = torch.from_numpy(many.valid[:, 1])
    misses, measured = [], evaluator()
    for item in range(NUM_ITEMS):
        table = torch.zeros(NUM_SEQUENCES, NUM_ITEMS).scatter_(1, target.unsqueeze(1), 1.0)
        table[:, item] = 2.0
        hits = measured.measure(Table(table), many, "valid").columns["valid/hit@1"]
        left = (many.in_sequences().histories != item).all(1) & (many.valid[:, 1] != item)
        assert hits[~left].all()  # never drawn for a sequence that holds it
        misses.append(1 - hits[left].mean())
    assert np.mean(misses) == pytest.approx(3 / 27, abs=1e-3)
    assert np.std(misses) < 0.04  # sd of a share of 360 lists is .017


def test_the_lists_hang_on_seed_and_name_of_the_sequence_alone(many: RecDataset) -> None:
    table = Table(torch.rand(NUM_SEQUENCES, NUM_ITEMS, generator=torch.Generator().manual_seed(0)))
    first = evaluator().measure(table, many, "valid").columns["valid/hit@1"]
    again = evaluator(block_size=99).measure(table, many, "valid").columns["valid/hit@1"]
    other = evaluator(draw_seed=1).measure(table, many, "valid").columns["valid/hit@1"]
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    half = replace(many, valid=many.valid[::-2])
    assert np.array_equal(evaluator().measure(table, half, "valid").columns["valid/hit@1"], first[1::2])


def test_several_draws_are_averaged(many: RecDataset) -> None:
    table = Table(torch.rand(NUM_SEQUENCES, NUM_ITEMS, generator=torch.Generator().manual_seed(0)))
    values = evaluator(draws=4).measure(table, many, "valid").columns["valid/hit@1"]
    assert set(np.unique(values)) == {0.0, 0.25, 0.5, 0.75, 1.0}


def test_the_protocol_says_that_candidates_are_sampled() -> None:
    stated = evaluator().protocol()
    assert stated["candidates"] == "sampled: the target and 3 random items, 1 draws with seed 0 from any"
    assert stated["selected_on"] == "valid/hit@1"
    assert evaluator().selection_higher_is_better


def test_scores_that_are_no_number_are_refused(tiny: RecDataset) -> None:
    with pytest.raises(ValueError, match="8 scores of 8 are NaN"):
        evaluator().measure(Table(torch.full((3, 6), torch.nan)), tiny, "valid")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_candidates": 1}, "eval.num_candidates: found 1, expected a whole number from 2 up"),
        ({"draws": 0}, "eval.draws: found 0"),
        ({"ks": [1, 5]}, r"eval.ks: found \[5\], expected cut-offs in 1 … 4"),
        ({"metrics": []}, "eval.metrics: found"),
        ({"pools": ["all"]}, "eval.pools: unknown all; valid: any, unseen"),
        ({"selection_metric": "test/hit@1"}, "eval.selection_metric: found 'test/hit@1'"),
    ],
)
def test_settings_out_of_range_are_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        evaluator(**changes)


def test_data_that_does_not_fit_is_named(tiny: RecDataset) -> None:
    scores = Table(torch.zeros(3, 6))
    with pytest.raises(InputError, match="found no sequences"):
        evaluator().measure(scores, replace(tiny, sequences=None), "valid")
    with pytest.raises(InputError, match="no test sequence"):
        evaluator().measure(scores, replace(tiny, test=tiny.test[:0]), "test")
    with pytest.raises(InputError, match="for sequence u1 there are 3 items"):
        evaluator(num_candidates=5).measure(scores, replace(tiny, valid=tiny.valid[1:]), "valid")


def test_examples_are_the_first_lists_that_are_measured(tiny: RecDataset) -> None:
    scorer = Table(torch.rand(3, 6, generator=torch.Generator().manual_seed(0)))
    judged = evaluator()
    lists = judged.examples(scorer, tiny, "valid", count=9, k=3)
    assert lists.user_ids.tolist() == [1, 2]
    assert lists.items.shape == (2, 3)
    measured = judged.measure(scorer, tiny, "valid").columns["valid/hit@3"]
    assert lists.hits.any(dim=1).tolist() == [value == 1 for value in measured]
