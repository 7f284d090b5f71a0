import numpy as np
import pytest
import torch

from kgrec.errors import InputError
from kgrec.models.ease import EASE
from kgrec.models.selection import ValidationRecall, some_of


def fitted(inputs, ridge, selection_k=1) -> EASE:
    model = EASE(inputs, ridge, selection_k)
    model.fit()
    return model


def test_weights_minimise_the_papers_objective(make_inputs):
    rng = np.random.default_rng(0)
    train = (rng.random((12, 5)) < 0.5).astype(int)
    ridge = 2.0
    weights = fitted(make_inputs(train.tolist()), [ridge]).weights.double().numpy()
    assert np.diag(weights) == pytest.approx(0)
    for item in range(5):  # with a zero diagonal each column is a ridge regression on the other items
        others = [other for other in range(5) if other != item]
        X, y = train[:, others], train[:, item]
        expected = np.linalg.solve(X.T @ X + ridge * np.eye(4), X.T @ y)
        assert weights[others, item] == pytest.approx(expected, abs=1e-5)


def test_recommends_within_the_block(make_inputs, two_blocks):
    scores = fitted(make_inputs(two_blocks), [1.0]).score(torch.arange(8))
    unseen = scores.masked_fill(torch.tensor(two_blocks) > 0, -torch.inf)
    assert unseen.argmax(1).tolist() == list(range(8))


def test_cold_item_scores_zero(make_inputs):
    scores = fitted(make_inputs([[1, 1, 0], [1, 0, 0]]), [1.0]).score(torch.arange(2))
    assert not scores[:, 2].any()


def test_ridge_is_chosen_on_validation(make_inputs):
    rng = np.random.default_rng(1)
    draw = rng.random((30, 20))
    inputs = make_inputs((draw < 0.3).tolist(), ((draw >= 0.3) & (draw < 0.4)).tolist())
    recall = ValidationRecall(inputs.dataset, 3)
    values = {ridge: recall(some_of(fitted(inputs, [ridge]).score)) for ridge in (0.01, 1.0, 100.0)}
    assert len(set(values.values())) == 3
    best = max(values, key=values.__getitem__)
    chosen = fitted(inputs, sorted(values, key=values.__getitem__), selection_k=3)
    assert torch.equal(chosen.weights, fitted(inputs, [best]).weights)


@pytest.mark.parametrize(("ridge", "k"), [([], 1), ([1.0, 0.0], 1), ([1.0], 0)])
def test_bad_settings_are_refused(make_inputs, ridge, k):
    with pytest.raises(InputError, match="expected"):
        EASE(make_inputs([[1, 0]]), ridge, k)


def test_weights_can_be_stored_and_loaded(make_inputs, two_blocks):
    inputs = make_inputs(two_blocks)
    fresh = EASE(inputs, [1.0], 1)
    fresh.load_state_dict(fitted(inputs, [1.0]).state_dict())
    assert torch.equal(fresh.score(torch.arange(8)), fitted(inputs, [1.0]).score(torch.arange(8)))
