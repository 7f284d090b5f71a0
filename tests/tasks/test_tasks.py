"""Tasks and what they make of a model, on a small labelled dataset."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from kgrec.build import build, compose, options
from kgrec.data.dataset import RecDataset
from kgrec.data.ids import IdMap
from kgrec.data.labels import Negatives
from kgrec.data.sequences import Sequences
from kgrec.errors import InputError
from kgrec.models.base import Batch, ModelInputs, Recommender
from kgrec.models.bpr_mf import BPRMF
from kgrec.models.popularity import Popularity
from kgrec.nn.losses import BPR
from kgrec.tasks.ctr import ClickModel, ClickThrough
from kgrec.tasks.ctr_calibrated import CalibratedClickThrough, CalibratedModel
from kgrec.tasks.next_item import NextItem
from kgrec.tasks.ranking import Ranking

NUM_USERS, NUM_ITEMS = 6, 8


def make_dataset() -> RecDataset:
    """Each user has two training rows and one validation row of either kind, and a history of one item."""
    rng = np.random.default_rng(0)
    items = np.stack([rng.permutation(NUM_ITEMS)[:6] for _ in range(NUM_USERS)])
    users = np.arange(NUM_USERS)
    train, valid, no_train, no_valid = (
        np.concatenate([np.stack([users, items[:, column]], axis=1) for column in columns])
        for columns in ([0, 1], [2], [3, 4], [5])
    )
    nothing = np.empty((0, 2), dtype=np.int64)
    return RecDataset(
        name="toy",
        users=IdMap([f"u{user}" for user in users]),
        items=IdMap([f"i{item}" for item in range(NUM_ITEMS)]),
        entities=IdMap([]),
        relations=IdMap([]),
        train=train,
        valid=valid,
        test=nothing,
        triples=np.empty((0, 3), dtype=np.int64),
        item_to_entity=np.full(NUM_ITEMS, -1),
        item_texts=[""] * NUM_ITEMS,
        item_titles=[""] * NUM_ITEMS,
        cold_valid=np.zeros(NUM_ITEMS, dtype=bool),
        cold_test=np.zeros(NUM_ITEMS, dtype=bool),
        negatives=Negatives(no_train, no_valid, nothing),
        sequences=Sequences(users, np.ones_like(users), items[:, [5]], nothing),
    )


class Regularised(BPRMF):
    """Counts a penalty of 3 per observed row."""

    def penalty(self, user_ids: Tensor, item_ids: Tensor, labels: Tensor) -> Tensor:
        return 3 * labels.mean()


def make_model(kind: type[BPRMF] = BPRMF) -> BPRMF:
    torch.manual_seed(0)
    return kind(ModelInputs(make_dataset()), embedding_dim=3, init_std=1.0, loss=BPR(num_negatives=1))


def labelled_batch(dataset: RecDataset) -> Batch:
    rows = dataset.labelled("train")
    pairs = torch.from_numpy(rows.pairs)
    labels = torch.from_numpy(rows.known_labels).float()
    return Batch(pairs[:, 0], pairs[:, 1], torch.empty(len(pairs), 0), step=0, labels=labels)


def click_through(**changes: Any) -> ClickThrough:
    return ClickThrough(**({"learn_scale": True, "initial_scale": 2.0} | changes))


@pytest.mark.parametrize("name", options("task"))
def test_every_task_gives_rows_and_a_recommender_that_scores(name: str) -> None:
    task, dataset, model = build(compose([f"task={name}"]).task), make_dataset(), make_model()
    rows = task.training_rows(dataset)
    assert rows.positives.tolist() == dataset.train.tolist()
    recommender = task.recommender(model, dataset)
    assert isinstance(recommender, Recommender)
    users, items = torch.arange(NUM_USERS), torch.arange(NUM_USERS)
    with torch.no_grad():
        scores = recommender.eval().score(users)
        assert torch.equal(scores.argsort(dim=1), model.score(users).argsort(dim=1))  # the order stays
        torch.testing.assert_close(recommender.score_pairs(users, items), scores[users, items])
        pair = recommender.embeddings()
    assert pair is not None
    torch.testing.assert_close(pair[0] @ pair[1].T, scores)


@pytest.mark.parametrize("task", [Ranking(), NextItem()])
def test_ranking_and_next_item_leave_the_model_as_it_is(task: Ranking | NextItem) -> None:
    model = make_model()
    assert task.recommender(model, make_dataset()) is model
    assert task.training_rows(make_dataset()).labels is None


def test_the_next_item_needs_sequences() -> None:
    with pytest.raises(InputError, match=r"found no sequences.*set data/split=next_item"):
        NextItem().training_rows(replace(make_dataset(), sequences=None))


def test_the_criterion_is_cross_entropy_and_the_models_penalty() -> None:
    dataset, model = make_dataset(), make_model(Regularised)
    click = click_through().recommender(model, dataset)
    assert isinstance(click, ClickModel)
    batch = labelled_batch(dataset)
    scores = (model.user_table(batch.users) * model.item_table(batch.items)).sum(1)
    assert batch.labels is not None
    wanted = F.binary_cross_entropy(torch.sigmoid(2 * scores), batch.labels) + 3 * 0.5
    torch.testing.assert_close(click(batch), wanted)
    assert click.num_negatives == 0  # the rows bring their own
    click(batch).backward()
    for weight in (model.user_table.weight, model.item_table.weight, click.log_scale, click.bias):
        assert weight.grad is not None
        assert weight.grad.any()


def test_the_score_itself_can_be_the_log_odds() -> None:
    model = make_model()
    click = click_through(learn_scale=False, initial_scale=1.0).recommender(model, make_dataset())
    torch.testing.assert_close(click.score(torch.tensor([1])), model.score(torch.tensor([1])))
    assert not any(weight.requires_grad for weight in (click.log_scale, click.bias))  # type: ignore[union-attr]


@pytest.mark.parametrize("changes", [{"initial_scale": 0.0}, {"learn_scale": False, "initial_scale": 2.0}])
def test_wrong_settings_are_named(changes: dict[str, object]) -> None:
    with pytest.raises(InputError, match=r"task\.initial_scale: found"):
        click_through(**changes)


def test_a_batch_without_labels_is_refused() -> None:
    batch = replace(labelled_batch(make_dataset()), labels=None)
    with pytest.raises(ValueError, match="no labels"):
        click_through().recommender(make_model(), make_dataset()).loss(batch)


@pytest.mark.parametrize("name", ["ctr", "ctr_calibrated"])
def test_data_without_labels_is_refused_with_what_to_set(name: str) -> None:
    task = build(compose([f"task={name}"]).task)
    plain, closed_form = replace(make_dataset(), negatives=None), Popularity(ModelInputs(make_dataset()))
    with pytest.raises(InputError, match="set data/split=labelled"):
        task.recommender(closed_form, plain)


def validation_loss(model: Recommender, scale: float = 1.0, shift: float = 0.0) -> float:
    rows = make_dataset().labelled("valid")
    pairs, labels = torch.from_numpy(rows.pairs), torch.from_numpy(rows.known_labels)
    with torch.no_grad():
        logits = model.score_pairs(pairs[:, 0], pairs[:, 1]).double()
    return float(F.binary_cross_entropy_with_logits(scale * logits + shift, labels))


@pytest.mark.parametrize("task", [click_through(), CalibratedClickThrough()])
def test_a_closed_form_is_calibrated_on_validation_rows(task: Any) -> None:
    dataset = make_dataset()
    popularity = Popularity(ModelInputs(dataset))
    popularity.counts = torch.bincount(torch.from_numpy(dataset.valid[:, 1]), minlength=NUM_ITEMS) + 9.0
    model = task.recommender(popularity, dataset)
    assert isinstance(model, CalibratedModel)
    assert not any(weight.requires_grad for weight in model.parameters())
    model.fit()
    best = validation_loss(model)
    for scale, shift in ((1.1, 0.0), (0.9, 0.0), (1.0, 0.05), (1.0, -0.05)):
        assert best < validation_loss(model, scale, shift) + 1e-9


def test_a_calibrated_model_trains_by_its_own_loss_and_is_calibrated_before_validation() -> None:
    dataset, model = make_dataset(), make_model()
    calibrated = CalibratedClickThrough().recommender(model, dataset)
    assert calibrated.num_negatives == 1
    pairs = torch.from_numpy(dataset.train)
    batch = Batch(pairs[:, 0], pairs[:, 1], torch.zeros(len(pairs), 1, dtype=torch.int64), step=0)
    torch.testing.assert_close(calibrated.train()(batch), model.loss(batch))
    with torch.no_grad():
        model.user_table.weight.mul_(-5)
    before = validation_loss(calibrated)
    calibrated.before_validation()
    assert validation_loss(calibrated) < before
    assert calibrated.training  # as it was


def test_other_weights_bring_other_scores() -> None:
    """Embeddings that the model keeps for evaluation must not outlive its weights."""
    click = click_through().recommender(make_model(), make_dataset()).eval()
    users = torch.arange(NUM_USERS)
    with torch.no_grad():
        before = click.score(users)
        doubled = {name: 2 * weight for name, weight in click.state_dict().items()}
        click.load_state_dict(doubled)
        assert not torch.equal(click.score(users), before)
