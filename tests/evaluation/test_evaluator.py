from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from kgrec.data.dataset import RecDataset
from kgrec.errors import InputError
from kgrec.evaluation.evaluator import Evaluator
from kgrec.evaluation.metrics.mrr import MRR
from kgrec.evaluation.metrics.recall import Recall
from kgrec.seed import numpy_generator

MakeDataset = Callable[..., RecDataset]


def evaluator(**changes: object) -> Evaluator:
    settings: dict = {
        "metrics": [Recall(), MRR()],
        "ks": [1, 2],
        "candidates": ["all"],
        "selection_metric": "valid/recall@2",
        "block_size": 2,
        "tie_break_seed": 0,
        "slices": [],
    }
    return Evaluator(**(settings | changes))


def fixed_scores(rows: list[list[float]]) -> Callable[[Tensor], Tensor]:
    return torch.tensor(rows).__getitem__


def constant(num_items: int) -> Callable[[Tensor], Tensor]:
    return lambda users: torch.zeros(len(users), num_items)


@pytest.fixture
def toy(make_dataset: MakeDataset) -> RecDataset:
    """Three users, five items, items 3 (valid) and 4 (test) cold; user 2 has no training interaction.

    Scores of ``SCORES`` rank item 0 first, item 4 last for users 0 and 2; the other way for user 1.
    """
    return make_dataset(
        3, 5,
        train=[[0, 0], [1, 1]],
        valid=[[0, 3], [1, 2], [2, 3]],
        test=[[0, 1], [0, 4], [1, 4], [2, 4]],
        cold_valid=[3],
        cold_test=[4],
    )  # fmt: skip


SCORES = [[5.0, 4.0, 3.0, 2.0, 1.0], [1.0, 2.0, 3.0, 4.0, 5.0], [5.0, 4.0, 3.0, 2.0, 1.0]]


def test_validation_masks_training_only(toy: RecDataset) -> None:
    # user 0 sees 1 2 3 4, looks for 3: rank 3. user 1 sees 4 3 2 0, looks for 2: rank 3.
    result = evaluator(ks=[2, 3], selection_metric="valid/mrr@3").evaluate(fixed_scores(SCORES), toy, "valid")
    assert result.user_ids.tolist() == [0, 1]
    assert result.columns["valid/recall@2"].tolist() == [0, 0]
    assert result.columns["valid/recall@3"].tolist() == [1, 1]
    assert result.means["valid/mrr@3"] == pytest.approx(1 / 3)


def test_testing_masks_validation_too(toy: RecDataset) -> None:
    # user 0 (0 and 3 masked) sees 1 2 4, looks for 1 and 4; user 1 (1 and 2 masked) sees 4 3 0, looks for 4.
    result = evaluator(ks=[1, 2, 3]).evaluate(fixed_scores(SCORES), toy, "test")
    assert result.columns["test/recall@1"].tolist() == [1 / 2, 1]
    assert result.columns["test/recall@2"].tolist() == [1 / 2, 1]
    assert result.columns["test/recall@3"].tolist() == [1, 1]
    assert result.means == pytest.approx(
        {
            "test/recall@1": 0.75, "test/recall@2": 0.75, "test/recall@3": 1.0,
            "test/mrr@1": 1.0, "test/mrr@2": 1.0, "test/mrr@3": 1.0,
        }
    )  # fmt: skip


def test_cold_candidates_are_those_of_the_split(toy: RecDataset) -> None:
    both = evaluator(candidates=["cold", "all"], selection_metric="valid/cold/mrr@1")
    valid = both.evaluate(fixed_scores(SCORES), toy, "valid")
    # The only cold item of validation is 3: user 0 finds it at once, user 1 looks for a warm item only.
    np.testing.assert_array_equal(valid.columns["valid/cold/recall@1"], [1, np.nan])
    assert valid.means["valid/cold/recall@1"] == 1
    test = both.evaluate(fixed_scores(SCORES), toy, "test")
    assert test.columns["test/cold/recall@1"].tolist() == [1, 1]
    assert test.columns["test/recall@1"].tolist() == [1 / 2, 1]
    assert sorted(test.columns) == sorted(both.keys("test"))


def test_slices_count_only_their_relevant_pairs(toy: RecDataset) -> None:
    sliced = evaluator(slices=["cold_items", "warm_items", "no_text_items"])
    result = sliced.evaluate(fixed_scores(SCORES), toy, "test")
    # Item 1 is warm (user 1 trained on it), item 4 is cold; the lists stay as they are.
    assert result.columns["test/slice_cold_items/recall@2"].tolist() == [0, 1]
    np.testing.assert_array_equal(result.columns["test/slice_warm_items/recall@2"], [1, np.nan])
    assert result.means["test/slice_warm_items/recall@2"] == 1
    assert not any("no_text_items" in key for key in result.columns)  # every item has a text


def test_slices_of_a_cold_ranking_have_keys_of_their_own(toy: RecDataset) -> None:
    result = evaluator(candidates=["cold", "all"], slices=["light_users"]).evaluate(
        fixed_scores(SCORES), toy, "test"
    )
    assert {"test/slice_light_users/mrr@1", "test/cold/slice_light_users/mrr@1"} <= set(result.means)


def test_blocks_do_not_change_anything(make_dataset: MakeDataset) -> None:
    dataset, score = random_case(make_dataset, num_items=50)
    results = [
        evaluator(block_size=size, ks=[5, 10], selection_metric="valid/mrr@5", slices=["rare_items"])
        .evaluate(score, dataset, "test")
        for size in (1, 7, 1000)
    ]  # fmt: skip
    for other in results[1:]:
        assert other.means == results[0].means
        for key, column in results[0].columns.items():
            np.testing.assert_array_equal(other.columns[key], column)


def random_case(make_dataset: MakeDataset, num_items: int) -> tuple[RecDataset, Callable[[Tensor], Tensor]]:
    generator = numpy_generator(0, "evaluator test")
    role = generator.choice(4, p=[0.7, 0.1, 0.1, 0.1], size=(30, num_items))
    parts = {part: np.argwhere(role == code) for code, part in enumerate(("none", "train", "valid", "test"))}
    del parts["none"]
    scores = torch.from_numpy(generator.integers(6, size=(30, num_items)).astype(np.float32))
    return make_dataset(30, num_items, **parts), scores.__getitem__


def test_file_order_of_items_does_not_matter(make_dataset: MakeDataset) -> None:
    dataset, score = random_case(make_dataset, num_items=50)
    new_id = np.random.default_rng(1).permutation(50)
    raw_items = [""] * 50
    for old, new in enumerate(new_id):
        raw_items[new] = dataset.items.raw_ids[old]
    moved = {
        part: np.stack([pairs[:, 0], new_id[pairs[:, 1]]], axis=1)
        for part, pairs in (("train", dataset.train), ("valid", dataset.valid), ("test", dataset.test))
    }
    shuffled = make_dataset(30, 50, **moved, raw_items=raw_items)
    back = np.argsort(new_id)
    for scorer in (score, constant(50)):
        before = evaluator().evaluate(scorer, dataset, "test")
        after = evaluator().evaluate(lambda users, s=scorer: s(users)[:, back], shuffled, "test")
        for key, column in before.columns.items():
            np.testing.assert_array_equal(after.columns[key], column)


def test_a_constant_scorer_scores_at_chance_though_ids_grow_with_fame(make_dataset: MakeDataset) -> None:
    # The chance recall@20 among 100 candidates is 20/100. Relevant are the cold items with the lowest ids,
    # as in a file sorted by fame, where ranking by id would find all of them.
    cold = list(range(100, 200))
    test = [[user, 100 + (user + step) % 15] for user in range(20) for step in range(3)]
    train = [[user, user] for user in range(20)]
    dataset = make_dataset(20, 200, train=train, test=test, cold_test=cold, cold_valid=[199])
    recalls = [
        evaluator(candidates=["cold"], ks=[20], selection_metric="valid/cold/mrr@20", tie_break_seed=seed)
        .evaluate(constant(200), dataset, "test")
        .means["test/cold/recall@20"]
        for seed in range(300)
    ]
    # All users rank alike, so a seed's recall is about the mean of 15 draws: its deviation is 0.4/√15 ≈ .1.
    assert np.mean(recalls) == pytest.approx(0.2, abs=4 * 0.1 / np.sqrt(300))
    assert np.std(recalls) > 0.05  # the seed really changes the order


def test_the_tie_break_is_hashed_once_per_catalogue(toy: RecDataset, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def counted(raw_ids: list[str], seed: int) -> np.ndarray:
        calls.append(seed)
        return np.arange(len(raw_ids))

    monkeypatch.setattr("kgrec.evaluation.evaluator.tie_break_order", counted)
    measure = evaluator(tie_break_seed=7)
    for split in ("valid", "test", "valid"):
        measure.evaluate(fixed_scores(SCORES), toy, split)
    measure.evaluate(fixed_scores(SCORES), replace(toy), "valid")
    assert calls == [7]


def test_what_is_kept_of_an_evaluation_belongs_to_its_dataset_and_split(toy: RecDataset) -> None:
    used = evaluator(candidates=["cold", "all"], selection_metric="valid/cold/mrr@1", slices=["warm_items"])
    other = replace(toy, train=np.array([[0, 2], [2, 0]]))
    for dataset, split in ((toy, "valid"), (toy, "test"), (other, "valid"), (toy, "valid"), (other, "test")):
        fresh = evaluator(
            candidates=["cold", "all"], selection_metric="valid/cold/mrr@1", slices=["warm_items"]
        )
        expected = fresh.evaluate(fixed_scores(SCORES), dataset, split)
        found = used.evaluate(fixed_scores(SCORES), dataset, split)
        assert found.user_ids.tolist() == expected.user_ids.tolist()
        assert found.columns.keys() == expected.columns.keys()
        for key, values in expected.columns.items():
            np.testing.assert_array_equal(found.columns[key], values)


def test_protocol_and_direction() -> None:
    both = evaluator(candidates=["cold", "all"], selection_metric="valid/cold/recall@2")
    assert both.protocol() == {
        "candidates": "cold, all",
        "masked": "train when validating, train and valid when testing",
        "selected_on": "valid/cold/recall@2",
    }
    assert both.selection_higher_is_better is True


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"selection_metric": "test/recall@2"}, "'test/recall@2' would select on test"),
        ({"selection_metric": "test/cold/recall@2"}, "would select on test"),
        ({"selection_metric": "valid/recall@3"}, "unknown valid/recall@3; valid: valid/recall@1, valid/rec"),
        ({"selection_metric": "valid/map@2"}, "unknown valid/map@2; valid: valid/recall@1"),
        ({"selection_metric": "valid/cold/recall@2"}, "unknown valid/cold/recall@2; valid: valid/recall@1"),
        ({"selection_metric": "recall@2"}, "unknown recall@2"),
        ({"candidates": ["warm"]}, "eval.candidates: unknown warm; valid: all, cold"),
        ({"candidates": []}, "eval.candidates: found"),
        ({"metrics": [Recall(), Recall()]}, "eval.metrics: found"),
        ({"ks": [2, 2]}, "eval.ks: found"),
        ({"ks": [0, 2]}, "eval.ks: found 0, expected a whole number from 1 up"),
        ({"ks": [2.5, 2]}, "eval.ks: found 2.5"),
        ({"block_size": 0}, "eval.block_size: found 0"),
        ({"slices": ["hot_items"]}, "eval.slices: unknown hot_items; valid: cold_items, warm_items"),
    ],
)
def test_bad_settings_are_refused_with_what_would_be_right(changes: dict, message: str) -> None:
    with pytest.raises(InputError) as error:
        evaluator(**changes)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_cold_candidates_need_cold_items(make_dataset: MakeDataset) -> None:
    warm = make_dataset(1, 3, train=[[0, 0]], valid=[[0, 1]], test=[[0, 2]])
    cold = evaluator(candidates=["cold"], selection_metric="valid/cold/mrr@1")
    with pytest.raises(InputError, match="the split holds none out for valid; set data/split=cold_item"):
        cold.evaluate(constant(3), warm, "valid")
    missed = make_dataset(1, 3, train=[[0, 0]], valid=[[0, 1]], cold_valid=[2])
    with pytest.raises(InputError, match="no valid interaction falls on a cold item"):
        cold.evaluate(constant(3), missed, "valid")


def test_a_split_without_users_is_refused(make_dataset: MakeDataset) -> None:
    strangers = make_dataset(2, 3, train=[[0, 0]], test=[[1, 2]])
    for split in ("valid", "test"):
        with pytest.raises(
            InputError, match=f"dataset toy: no {split} interaction of a user with a training"
        ):
            evaluator().evaluate(constant(3), strangers, split)
    with pytest.raises(ValueError, match="split must be valid or test, got 'train'"):
        evaluator().evaluate(constant(3), strangers, "train")


class Scored:
    device = torch.device("cpu")

    def __init__(self, rows: list[list[float]]) -> None:
        self.table = torch.tensor(rows)

    def score(self, user_ids: Tensor) -> Tensor:
        return self.table[user_ids]

    def score_pairs(self, user_ids: Tensor, item_ids: Tensor) -> Tensor:
        return self.table[user_ids, item_ids]


def test_examples_are_the_lists_that_are_measured(toy: RecDataset) -> None:
    judged = evaluator(ks=[2], candidates=["cold", "all"], selection_metric="valid/recall@2")
    scorer = Scored(SCORES)
    lists = judged.examples(scorer, toy, "test", count=5, k=2)
    assert lists.user_ids.tolist() == [0, 1]
    recall = (lists.hits.sum(dim=1) / lists.num_relevant).tolist()
    assert recall == judged.measure(scorer, toy, "test").columns["test/recall@2"].tolist()
    on_cold = evaluator(ks=[2], candidates=["cold"], selection_metric="valid/cold/recall@2")
    lists = on_cold.examples(scorer, toy, "test", count=5, k=2)
    assert lists.items.tolist() == [[4, -1], [4, -1]]  # the only cold item of the split
    assert lists.num_relevant.tolist() == [1, 1]
    assert judged.examples(scorer, toy, "test", count=1, k=2).user_ids.tolist() == [0]
