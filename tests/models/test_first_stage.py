"""What a ranker learns from: nothing that the first stage has seen."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from kgrec.build import build, compose
from kgrec.errors import InputError
from kgrec.models.base import ModelInputs
from kgrec.models.first_stage import Holdout, fitted, top_lists, without, without_text
from kgrec.models.ranker_lists import RankerLists
from kgrec.pipeline import load_dataset, load_inputs
from kgrec.seed import seed_everything

SETTINGS = (
    *("data=planted", "data.source.num_users=60", "data.source.num_items=240"),
    *("lm=hashing", "lm.dim=32", "model=ease_graph"),
)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> ModelInputs:
    cfg = compose([*SETTINGS, f"paths.cache={tmp_path_factory.mktemp('cache')}"])
    return load_inputs(cfg, load_dataset(cfg))


@pytest.mark.parametrize("by", ["items", "interactions"])
def test_a_share_is_held_out_the_same_for_a_seed(inputs: ModelInputs, by: str) -> None:
    pairs = inputs.dataset.train
    held = Holdout(by, 0.25, None).held(pairs, 3)
    assert np.array_equal(held, Holdout(by, 0.25, None).held(pairs, 3))
    assert not np.array_equal(held, Holdout(by, 0.25, None).held(pairs, 4))
    assert 0.1 < held.mean() < 0.4
    apart = not set(pairs[held, 1]) & set(pairs[~held, 1])
    assert apart == (by == "items")


@pytest.mark.parametrize("by", ["items", "interactions"])
def test_what_is_held_out_leaves_the_dataset_and_the_graph(inputs: ModelInputs, by: str) -> None:
    data, graph = inputs.dataset, inputs.graph
    held = Holdout(by, 0.25, None).held(data.train, 0)
    reduced = without(inputs, held)
    assert np.array_equal(reduced.dataset.train, data.train[~held])
    kept = reduced.graph
    assert int((~kept.is_interaction).sum()) == int((~graph.is_interaction).sum())
    users = kept.edge_index[0, kept.is_interaction & (kept.edge_type == kept.num_relations // 2 - 1)]
    items = kept.edge_index[1, kept.is_interaction & (kept.edge_type == kept.num_relations // 2 - 1)]
    found = {(int(u), int(i) - data.num_users) for u, i in zip(users.tolist(), items.tolist(), strict=True)}
    assert found == {(int(u), int(i)) for u, i in data.train[~held]}
    assert int(kept.is_interaction.sum()) == 2 * len(found)


def test_inputs_without_text_have_none(inputs: ModelInputs) -> None:
    blank = without_text(inputs)
    assert not blank.text.embeddings.any()
    assert not blank.text.has_text.any()
    assert inputs.text.has_text.any()
    assert without_text(replace(inputs, text=None)).text is None


def test_lists_hold_what_is_allowed_best_first() -> None:
    scores = torch.tensor([[1.0, 4.0, 3.0, 2.0]])
    items, values = top_lists(scores, torch.tensor([[True, False, True, True]]), 2)
    assert items.tolist() == [[2, 3]]
    items, values = top_lists(scores, torch.tensor([[True, False, False, False]]), 9)
    assert items[0, 0] == 0
    assert values[0, 1:].isinf().all()


@pytest.mark.parametrize("by", ["items", "interactions"])
def test_positives_are_held_out_and_negatives_are_not(inputs: ModelInputs, by: str) -> None:
    data = inputs.dataset
    seed_everything(0)
    holdout = Holdout(by, 0.3, 10)
    held = holdout.held(data.train, 0)
    stage = build(compose(["model=random"]).model)(inputs=without(inputs, held))
    lists = RankerLists.of(stage, data, held, 10, holdout, 0)
    assert len(lists.positives) == 10
    wanted = {int(u) * data.num_items + int(i) for u, i in data.train[held]}
    taken = {int(u) * data.num_items + int(i) for u, i in data.train}
    assert set(lists.positives.tolist()) <= wanted
    pairs = torch.from_numpy(data.train)
    users, items = lists.draw(pairs[:, 0], pairs[:, 1], 3, torch.Generator().manual_seed(0))
    assert len(users) == 10
    keys = users[:, None] * data.num_items + items
    assert set(keys[:, 0].tolist()) == set(lists.positives.tolist())
    assert not set(keys[:, 1:].flatten().tolist()) & taken
    if by == "items":
        assert set(items.flatten().tolist()) <= set(data.train[held, 1].tolist())


def test_a_first_stage_that_must_be_trained_is_refused(inputs: ModelInputs) -> None:
    model = build(compose(["model=bpr_mf"]).model)(inputs=inputs)
    with pytest.raises(InputError, match=r"model\.features: found BPRMF, which is trained"):
        fitted(model, "model.features")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (("users", 0.5, None), "holdout.by: found 'users'"),
        (("items", 1.0, None), "holdout.share: found 1.0"),
        (("items", 0.5, 0), "holdout.max_pairs: found 0"),
    ],
)
def test_wrong_settings_are_refused(settings: tuple, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Holdout(*settings)
