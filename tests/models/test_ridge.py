import numpy as np
import pytest
import scipy.sparse as sp
import torch

from kgrec.errors import InputError
from kgrec.models.factor_targets import FactorTargets, TargetChoice
from kgrec.models.item_kernel import ItemBlocks, ItemKernel
from kgrec.models.ridge import Ridge

# Items 0-3 and 4-7 are two groups; items 3 and 7 are cold. Entity 8 marks the first group, 9 the second.
TRAIN = [[1, 1, 1, 0, 0, 0, 0, 0]] * 3 + [[0, 0, 0, 0, 1, 1, 1, 0]] * 3
VALID = [[0, 0, 0, 1, 0, 0, 0, 0]] * 3 + [[0, 0, 0, 0, 0, 0, 0, 1]] * 3
GROUP_FACTS = [(item, 0, 8 if item < 4 else 9) for item in range(8)]
GROUP_TEXT = [[1.0, 0.2]] * 4 + [[0.0, 1.0]] * 4
MIXED_TEXT = [[1.0, 0.2], [0.0, 1.0]] * 4


def kernel(text=(0.0,), facts=(0.0,), fact_count=(0.0,), bias=0.1) -> ItemKernel:
    return ItemKernel(text, facts, fact_count, bias)


def plain_targets(rank=(None,), power=(1.0,)) -> FactorTargets:
    return FactorTargets(rank, power, user_exponent=0.0, item_exponent=0.0)


def fitted(inputs, item_kernel, targets=None, ridge=(0.1,), selection_k=1) -> Ridge:
    model = Ridge(inputs, item_kernel, targets or plain_targets(), False, ridge, selection_k)
    model.fit()
    return model


def cold_choice(model: Ridge) -> list[int]:
    """The better of the two cold items, for each user."""
    return [(3, 7)[index] for index in model.score(torch.arange(6))[:, [3, 7]].argmax(1).tolist()]


@pytest.mark.parametrize(
    ("features", "item_kernel"),
    [
        ({"triples": GROUP_FACTS}, kernel(facts=(1.0,))),
        ({"text": GROUP_TEXT}, kernel(text=(1.0,))),
        ({"triples": GROUP_FACTS, "text": MIXED_TEXT}, kernel(text=(0.1,), facts=(1.0,))),
    ],
    ids=["facts", "text", "both"],
)
def test_cold_items_go_to_the_users_of_their_group(make_inputs, features, item_kernel):
    model = fitted(make_inputs(TRAIN, **features), item_kernel)
    assert cold_choice(model) == [3] * 3 + [7] * 3


def test_without_features_all_items_are_equal(make_inputs):
    scores = fitted(make_inputs(TRAIN), kernel(text=(1.0,), facts=(1.0,), fact_count=(1.0,))).score(
        torch.arange(6)
    )
    assert scores.numpy() == pytest.approx(scores[:, :1].expand(-1, 8).numpy(), abs=1e-6)


def test_full_rank_is_the_ridge_regression_to_the_interactions(make_inputs):
    rng = np.random.default_rng(0)
    train = (rng.random((9, 8)) < 0.5).astype(int)
    train[:, 3] = 0
    text = rng.standard_normal((8, 3))
    inputs = make_inputs(train.tolist(), triples=GROUP_FACTS[:6], text=text.tolist())
    model = fitted(inputs, kernel(text=(0.5,), facts=(2.0,), fact_count=(0.3,), bias=0.2), ridge=(0.7,))
    blocks = ItemBlocks.of(inputs, False)
    columns = [
        blocks.text * 0.5**0.5,
        blocks.facts.toarray() * 2.0**0.5,
        blocks.fact_count[:, None] * 0.3**0.5,
        np.full((8, 1), 0.2**0.5),
    ]
    X = np.concatenate(columns, axis=1)
    warm = train.sum(0) > 0
    primal = np.linalg.solve(X[warm].T @ X[warm] + 0.7 * np.eye(X.shape[1]), X[warm].T @ train[:, warm].T)
    # scores are divided by the largest singular value, which changes no order
    largest = np.linalg.svd(train, compute_uv=False)[0]
    expected = (X @ primal).T / largest
    assert model.score(torch.arange(9)).numpy() == pytest.approx(expected, abs=1e-5)


def test_settings_are_chosen_on_validation(make_inputs):
    # Text mixes the groups, facts tell them apart: only the weights that use facts find the cold item.
    inputs = make_inputs(TRAIN, VALID, [3, 7], GROUP_FACTS, MIXED_TEXT)
    misled = fitted(inputs, kernel(text=(1.0,)))
    scores = misled.score(torch.arange(6))
    assert torch.equal(scores[:, 3], scores[:, 7])
    chosen = fitted(inputs, kernel(text=(1.0, 0.1), facts=(0.0, 1.0)), ridge=(1e3, 0.1))
    assert cold_choice(chosen) == [3] * 3 + [7] * 3


def test_factors_reproduce_the_normalised_matrix():
    rng = np.random.default_rng(0)
    matrix = (rng.random((7, 5)) < 0.6).astype(float)
    matrix[2] = 0
    targets = FactorTargets([None], [1.0], user_exponent=0.5, item_exponent=0.25)
    factors = targets.factorise(sp.csr_array(matrix))
    by_user, by_item = np.maximum(matrix.sum(1), 1) ** -0.5, np.maximum(matrix.sum(0), 1) ** -0.25
    expected = (matrix * by_user[:, None] * by_item).T
    product = (factors.items * factors.strength) @ factors.users.T
    assert product * (expected.max() / product.max()) == pytest.approx(expected, abs=1e-9)
    assert factors.strength[0] == 1


def test_sparse_and_dense_svd_agree(monkeypatch):
    rng = np.random.default_rng(0)
    matrix = sp.csr_array((rng.random((60, 40)) < 0.2).astype(float))
    targets = plain_targets(rank=(4,))
    dense = targets.factorise(matrix)
    monkeypatch.setattr("kgrec.models.factor_targets.DENSE_BELOW", 0)
    sparse = targets.factorise(matrix)
    assert sparse.items.shape == dense.items.shape == (40, 4)
    assert sparse.strength == pytest.approx(dense.strength)
    products = [(found.items * found.strength) @ found.users.T for found in (dense, sparse)]
    assert products[0] == pytest.approx(products[1], abs=1e-9)
    assert np.array_equal(sparse.items, targets.factorise(matrix).items)


def test_target_choice_scales_factors():
    strength = np.array([1.0, 0.5, 0.1])
    assert TargetChoice(2, 2.0).scale(strength) == pytest.approx([1, 0.25, 0])
    assert TargetChoice(None, 0.0).scale(strength) == pytest.approx([1, 1, 1])
    assert strength.tolist() == [1.0, 0.5, 0.1]


@pytest.mark.parametrize(
    "build",
    [
        lambda inputs: kernel(text=(-1.0,)),
        lambda inputs: kernel(facts=()),
        lambda inputs: plain_targets(rank=(0,)),
        lambda inputs: plain_targets(power=(-1.0,)),
        lambda inputs: Ridge(inputs, kernel(), plain_targets(), False, [0.0], 1),
        lambda inputs: Ridge(inputs, kernel(), plain_targets(), False, [1.0], 0),
    ],
)
def test_bad_settings_are_refused(make_inputs, build):
    with pytest.raises(InputError, match="expected"):
        build(make_inputs(TRAIN))


def test_fitted_factors_can_be_stored_and_loaded(make_inputs):
    inputs = make_inputs(TRAIN, triples=GROUP_FACTS)
    model = fitted(inputs, kernel(facts=(1.0,)), plain_targets(rank=(1,)))
    fresh = Ridge(inputs, kernel(facts=(1.0,)), plain_targets(rank=(1,)), False, [0.1], 1)
    fresh.load_state_dict(model.state_dict())
    assert torch.equal(fresh.score(torch.arange(6)), model.score(torch.arange(6)))
