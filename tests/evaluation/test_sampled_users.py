"""Evaluation on a sample of users."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from kgrec.build import build, compose
from kgrec.data.dataset import RecDataset
from kgrec.errors import InputError
from kgrec.evaluation.evaluator import Evaluator
from kgrec.evaluation.sampled_users import SampledUsers
from kgrec.pipeline import load_dataset


class Plain:
    """Scores that differ between users and items."""

    device = torch.device("cpu")

    def __init__(self, num_items: int) -> None:
        self.num_items = num_items

    def score(self, user_ids: Tensor) -> Tensor:
        items = torch.arange(self.num_items)
        return torch.sin(user_ids[:, None] * 3.7 + items * 1.3)

    def score_pairs(self, user_ids: Tensor, item_ids: Tensor) -> Tensor:
        return self.score(user_ids).gather(1, item_ids[:, None])[:, 0]


class Second(Plain):
    """Notes down which candidates it was told."""

    told: Tensor | None = None

    def score_among(self, user_ids: Tensor, item_ids: Tensor) -> Tensor:
        self.told = item_ids
        return self.score(user_ids)


@pytest.fixture(scope="module")
def dataset() -> RecDataset:
    return load_dataset(compose(["data=planted", "data.source.num_users=60", "data.source.num_items=240"]))


def evaluator(candidates: str) -> Evaluator:
    cfg = compose(["data=planted", f"eval.candidates=[{candidates}]"])
    prefix = "valid/cold/" if candidates == "cold" else "valid/"
    cfg.eval.selection_metric = f"{prefix}ndcg@10"
    built: Evaluator = build(cfg.eval)
    return built


@pytest.mark.parametrize("split", ["valid", "test"])
def test_a_users_figure_is_that_of_the_whole_evaluation(dataset: RecDataset, split: str) -> None:
    whole = evaluator("cold")
    sample = SampledUsers(12, 0, whole).measure(Plain(dataset.num_items), dataset, split)
    everyone = whole.measure(Plain(dataset.num_items), dataset, split)
    assert len(sample.user_ids) == 12
    rows = np.searchsorted(everyone.user_ids, sample.user_ids)
    for key, values in everyone.columns.items():
        assert np.array_equal(sample.columns[key], values[rows])
        assert np.isfinite(values[rows]).all()
    assert sample.means[f"{split}/ms_per_user"] > 0


def test_the_sample_is_the_same_for_all_and_another_with_another_seed(dataset: RecDataset) -> None:
    def users(seed: int, number: int = 12) -> list[int]:
        found = SampledUsers(number, seed, evaluator("cold")).measure(
            Plain(dataset.num_items), dataset, "valid"
        )
        return found.user_ids.tolist()

    assert users(0) == users(0) != users(1)
    everyone = evaluator("cold").measure(Plain(dataset.num_items), dataset, "valid").user_ids.tolist()
    assert users(0, 1000) == everyone


def test_a_second_stage_is_told_the_candidates(dataset: RecDataset) -> None:
    second = Second(dataset.num_items)
    SampledUsers(5, 0, evaluator("cold")).measure(second, dataset, "valid")
    assert torch.equal(second.told, torch.from_numpy(dataset.cold_valid.nonzero()[0]))
    SampledUsers(5, 0, evaluator("cold")).measure(second, dataset, "test")
    assert torch.equal(second.told, torch.from_numpy(dataset.cold_test.nonzero()[0]))
    SampledUsers(5, 0, evaluator("all")).measure(second, replace(dataset), "valid")
    assert len(second.told) == dataset.num_items


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(InputError, match=r"eval\.num_users: found 0"):
        SampledUsers(0, 0, evaluator("cold"))
    with pytest.raises(InputError, match="expected one of them"):
        SampledUsers(5, 0, build(compose(["data/split=cold_item"]).eval))
