from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from kgrec.data.dataset import RecDataset
from kgrec.errors import InputError
from kgrec.models.factor_targets import FactorTargets
from kgrec.models.features import interaction_matrix
from kgrec.models.regression_start import RegressionStart
from kgrec.models.selection import ValidationRecall, some_of

NUM_USERS, NUM_ITEMS, NUM_FEATURES, WIDTH = 30, 20, 5, 6
COLD = [4, 9, 13, 17]
USERS = torch.arange(NUM_USERS)


class LinearItems(nn.Module):
    """``features @ weight @ fixed``: linear in its weight; the start must not touch ``fixed``."""

    def __init__(self, num_users: int = NUM_USERS, num_items: int = NUM_ITEMS, width: int = WIDTH) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(1)
        self.features = torch.randn(num_items, NUM_FEATURES, generator=generator)
        self.weight = nn.Parameter(0.1 * torch.randn(NUM_FEATURES, width, generator=generator))
        self.fixed = nn.Parameter(torch.eye(width))
        self.users = nn.Parameter(torch.zeros(num_users, width))

    def items(self) -> Tensor:
        return self.features @ self.weight @ self.fixed

    def scores(self) -> Tensor:
        with torch.no_grad():
            return self.users @ self.items().T


def start_of(
    ridge=(2.0,), rank=(WIDTH,), power=(1.0,), iterations=100, scope="linear", hold_items=True
) -> RegressionStart:
    targets = FactorTargets(rank, power, user_exponent=0.2, item_exponent=0.4)
    return RegressionStart(targets, ridge, (), iterations, 2, scope, hold_items)


def started(start: RegressionStart, dataset: RecDataset) -> LinearItems:
    network = LinearItems()
    start(dataset, network.users, [network.weight], network.items)
    return network


@pytest.fixture
def dataset(make_inputs: Callable) -> RecDataset:
    """Users like what is near them in the space of the features, so that validation has something to say."""
    rng = np.random.default_rng(0)
    taste = rng.standard_normal((NUM_USERS, NUM_FEATURES)) @ LinearItems().features.numpy().T
    liked = (taste + rng.standard_normal(taste.shape) > 0.8).astype(int)
    is_cold = np.isin(np.arange(NUM_ITEMS), COLD)
    return make_inputs((liked * ~is_cold).tolist(), (liked * is_cold).tolist(), COLD).dataset


def test_a_linear_network_ends_at_the_ridge_regression(dataset: RecDataset) -> None:
    """θ = θ_0 + (XᵀX + λI)⁻¹ Xᵀ (√W Q - X θ_0) over the warm items, and nothing else has moved."""
    start, before = start_of(), LinearItems()
    network = started(start, dataset)
    warm = np.flatnonzero(dataset.warm_items)
    assert set(warm) == set(range(NUM_ITEMS)) - set(COLD)
    factors = start.targets.factorise(interaction_matrix(dataset.train, NUM_USERS, NUM_ITEMS)[:, warm])
    X, theta = before.features.numpy()[warm], before.weight.detach().numpy()
    missing = X.T @ (factors.items * len(warm) ** 0.5 - X @ theta)
    expected = theta + np.linalg.solve(X.T @ X + 2.0 * np.eye(NUM_FEATURES), missing)
    assert network.weight.detach().numpy() == pytest.approx(expected, abs=1e-4)
    assert torch.equal(network.fixed, before.fixed)


def test_users_are_at_their_factors_with_rows_of_mean_square_length_1(dataset: RecDataset) -> None:
    start = start_of(rank=(3,), power=(2.0,))
    users = started(start, dataset).users.detach().numpy()
    warm = np.flatnonzero(dataset.warm_items)
    factors = start.targets.factorise(interaction_matrix(dataset.train, NUM_USERS, NUM_ITEMS)[:, warm])
    expected = factors.users * factors.strength**2
    expected /= np.sqrt((expected**2).sum(axis=1).mean())
    assert users[:, :3] == pytest.approx(expected, abs=1e-5)
    assert not users[:, 3:].any()


def test_no_gradient_is_left_behind(dataset: RecDataset) -> None:
    network = started(start_of(), dataset)
    assert [name for name, weight in network.named_parameters() if weight.grad is not None] == []


def test_a_larger_penalty_stays_nearer_to_where_it_began(dataset: RecDataset) -> None:
    before = LinearItems().weight
    moved = [
        (started(start_of(ridge=(ridge,)), dataset).weight - before).norm().item()
        for ridge in (0.1, 10.0, 1e6)
    ]
    assert moved[0] > moved[1] > moved[2]
    assert moved[2] < 1e-3


def test_settings_are_chosen_by_validation_recall(dataset: RecDataset) -> None:
    """Together they give what the best of them gives alone."""
    ridges, ranks, powers = (0.1, 10.0, 1000.0), (2, WIDTH), (0.0, 2.0)
    recall, alone = ValidationRecall(dataset, 2), {}
    for setting in ((ridge, rank, power) for ridge in ridges for rank in ranks for power in powers):
        scores = started(start_of(*((value,) for value in setting)), dataset).scores()
        alone[setting] = recall(some_of(scores.__getitem__))
    scores = started(start_of(ridges, ranks, powers), dataset).scores()
    chosen = recall(some_of(scores.__getitem__))
    assert chosen == pytest.approx(max(alone.values()))
    assert min(alone.values()) < max(alone.values())


def test_another_validation_makes_another_choice(dataset: RecDataset) -> None:
    start = start_of((0.1, 1000.0), (1, WIDTH), (0.0, 2.0))
    other = replace(dataset, valid=np.stack([dataset.valid[:, 0], np.roll(dataset.valid[:, 1], 7)], axis=1))
    assert not torch.equal(started(start, other).scores(), started(start, dataset).scores())


def test_test_is_never_read(dataset: RecDataset) -> None:
    start = start_of((0.1, 10.0, 1000.0), (2, WIDTH), (0.0, 2.0))
    cold_test = np.isin(np.arange(NUM_ITEMS), COLD[:2])
    other = replace(
        dataset, test=np.array([[user, COLD[0]] for user in range(NUM_USERS)]), cold_test=cold_test
    )
    assert torch.equal(started(start, other).scores(), started(start, dataset).scores())


def test_one_setting_needs_no_validation(dataset: RecDataset) -> None:
    blind = replace(dataset, valid=dataset.valid[:0])
    assert torch.equal(started(start_of(), blind).scores(), started(start_of(), dataset).scores())
    with pytest.raises(InputError, match="no validation interaction to choose a setting by"):
        started(start_of(ridge=(1.0, 2.0)), blind)


@pytest.mark.parametrize("rank", [16, None])
def test_a_small_matrix_has_fewer_factors_than_dimensions(make_inputs, two_blocks, rank) -> None:
    """8 users, 16 dimensions: the dimensions beyond the factors hold nothing."""
    network = LinearItems(8, 8, width=16)
    start_of(rank=(rank,))(make_inputs(two_blocks).dataset, network.users, [network.weight], network.items)
    assert network.users.isfinite().all()
    assert network.users[:, :8].any(dim=0).all()
    assert not network.users[:, 8:].any()


def test_a_network_that_cannot_begin_at_zero_is_refused(dataset: RecDataset) -> None:
    network = LinearItems()
    torch.nn.init.zeros_(network.weight)

    def unit_rows() -> torch.Tensor:
        return network.items() / network.items().norm(dim=1, keepdim=True)

    with pytest.raises(InputError, match=r"no finite solution .* set model\.start=null"):
        start_of()(dataset, network.users, [network.weight], unit_rows)


def test_more_factors_than_dimensions_are_refused(dataset: RecDataset) -> None:
    with pytest.raises(InputError, match=r"start.targets.rank: found 7, expected at most 6"):
        started(start_of(rank=(2, 7)), dataset)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"ridge": ()}, r"model.start.ridge: found \[\], expected one or more numbers > 0"),
        ({"ridge": (1.0, 0.0)}, r"model.start.ridge: found \[1.0, 0.0\]"),
        ({"iterations": 0}, "model.start.iterations: found 0, expected at least 1"),
        ({"scope": "some"}, "model.start.scope: found 'some', expected one of linear, all"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        start_of(**settings)
