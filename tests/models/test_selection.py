import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from kgrec.errors import InputError
from kgrec.evaluation.evaluator import Evaluator
from kgrec.evaluation.metrics.recall import Recall
from kgrec.models.selection import ValidationRecall, best_on_validation, some_of


def random_inputs(make_inputs, cold: list[int], seed: int = 0):
    rng = np.random.default_rng(seed)
    draw = rng.random((40, 30))
    train, valid = (draw < 0.2).astype(int), ((draw >= 0.2) & (draw < 0.4)).astype(int)
    train[:, cold] = 0
    train[3] = 0  # a user without training interactions
    valid[5] = 0  # a user without validation interactions
    return make_inputs(train.tolist(), valid.tolist(), cold), rng


@pytest.mark.parametrize("levels", [3, 1000], ids=["many ties", "few ties"])
@pytest.mark.parametrize("cold", [[], [1, 4, 9, 16, 25, 26, 27]], ids=["warm", "cold"])
def test_recall_is_the_evaluators(make_inputs, cold, levels):
    inputs, rng = random_inputs(make_inputs, cold)
    scores = torch.from_numpy(rng.integers(0, levels, (40, 30)).astype(np.float32))
    key = "valid/cold/recall@5" if cold else "valid/recall@5"
    candidates = ["cold"] if cold else ["all"]
    evaluator = Evaluator([Recall()], [5], candidates, key, block_size=7, tie_break_seed=0, slices=[])
    expected = evaluator.evaluate(lambda users: scores[users], inputs.dataset, "valid").means[key]
    found = ValidationRecall(inputs.dataset, 5)(some_of(scores.__getitem__))
    assert found == pytest.approx(expected)
    assert 0 < found < 1


def test_scores_that_are_no_numbers_are_misses(make_inputs):
    inputs, _ = random_inputs(make_inputs, [])
    recall = ValidationRecall(inputs.dataset, 5)
    assert recall(lambda users, items: torch.full((len(users), len(items)), math.nan)) == 0
    assert recall(lambda users, items: torch.full((len(users), len(items)), -math.inf)) == 0


def test_the_test_split_is_not_read(make_inputs):
    inputs, rng = random_inputs(make_inputs, [1, 2, 3])
    scores = torch.from_numpy(rng.random((40, 30)))
    other = replace(inputs.dataset, test=inputs.dataset.valid, cold_test=~inputs.dataset.cold_valid)
    values = [ValidationRecall(data, 5)(some_of(scores.__getitem__)) for data in (inputs.dataset, other)]
    assert values[0] == values[1]


@dataclass
class Constant:
    value: float
    scores: torch.Tensor

    @property
    def setting(self) -> dict[str, float]:
        return {"value": self.value}

    def score(self, user_ids, item_ids):
        return self.scores[user_ids][:, item_ids]


def test_best_solution_is_chosen_and_the_first_among_equals(make_inputs):
    inputs = make_inputs([[1, 0, 0], [1, 0, 0]], valid=[[0, 1, 0], [0, 1, 0]])
    good, bad = torch.tensor([[0, 1.0, 0]] * 2), torch.tensor([[0, 0, 1.0]] * 2)
    solutions = [Constant(1, bad), Constant(2, good), Constant(3, good)]
    assert best_on_validation(iter(solutions), inputs.dataset, 1).value == 2


def test_a_choice_needs_validation_data_and_a_single_value_does_not(make_inputs):
    inputs = make_inputs([[1, 0], [0, 1]])
    one = Constant(1, torch.zeros(2, 2))
    assert best_on_validation(iter([one]), inputs.dataset, 1) is one
    with pytest.raises(InputError, match="no validation interaction"):
        best_on_validation(iter([one, one]), inputs.dataset, 1)
