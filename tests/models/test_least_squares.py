from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from kgrec.models.least_squares import LeastSquares

RIDGES = (0.01, 1.0, 30.0)


class Problem:
    """``A θ - y`` with θ in two parts, beginning away from zero; ``bend`` makes it non-linear."""

    def __init__(self, bend: Callable[[Tensor], Tensor] = lambda x: x) -> None:
        generator = torch.Generator().manual_seed(0)
        self.matrix = torch.randn(40, 12, generator=generator)
        self.wanted = torch.randn(40, generator=generator)
        self.parts = [nn.Parameter(torch.randn(shape, generator=generator)) for shape in ((4, 2), (4,))]
        self.bend = bend

    @property
    def theta(self) -> Tensor:
        return torch.cat([part.reshape(-1) for part in self.parts])

    def residual(self) -> Tensor:
        return self.bend(self.matrix @ self.theta) - self.wanted

    def solved(self, ridges=RIDGES, iterations: int = 100) -> dict[float, Tensor]:
        problem = LeastSquares(self.residual, self.parts, iterations)
        return {ridge: self.theta.detach().clone() for ridge in problem.solutions(ridges)}


def test_every_penalty_has_its_ridge_regression() -> None:
    """One pass finds all; L-BFGS's budget of 1 does not matter, for the problem is affine."""
    problem = Problem()
    start, A = problem.theta.detach().double(), problem.matrix.double()
    found = problem.solved(iterations=1)
    assert list(found) == sorted(RIDGES, reverse=True)
    for ridge, theta in found.items():
        missing = A.T @ (problem.wanted.double() - A @ start)
        expected = start + torch.linalg.solve(A.T @ A + ridge * torch.eye(12, dtype=torch.double), missing)
        assert theta.numpy() == pytest.approx(expected.numpy(), abs=5e-3)


def test_several_penalties_at_once_are_as_one_by_one() -> None:
    together = Problem().solved()
    for ridge in RIDGES:
        alone = Problem().solved([ridge])[ridge]
        assert together[ridge].numpy() == pytest.approx(alone.numpy(), abs=5e-3)


def test_a_network_that_is_not_affine_is_descended() -> None:
    """The gradient of the penalised square is zero at each solution."""
    problem = Problem(bend=torch.tanh)
    start = problem.theta.detach().clone()
    for ridge in LeastSquares(problem.residual, problem.parts, 200).solutions(RIDGES):
        theta = problem.theta
        objective = problem.residual().square().sum() + ridge * (theta - start).square().sum()
        slope = torch.cat([part.flatten() for part in torch.autograd.grad(objective, problem.parts)])
        assert slope.norm() < 1e-2


def test_a_parameter_that_plays_no_part_stays() -> None:
    problem = Problem()
    idle = nn.Parameter(torch.ones(3))
    problem.parts.append(idle)
    problem.matrix = torch.cat([problem.matrix, torch.zeros(40, 3)], dim=1)
    problem.solved()
    assert torch.equal(idle, torch.ones(3))


def test_nothing_to_learn_leaves_everything() -> None:
    problem = Problem()
    problem.wanted = (problem.matrix @ problem.theta).detach()
    before = problem.theta.detach().clone()
    assert problem.solved()[1.0].numpy() == pytest.approx(before.numpy(), abs=1e-5)
