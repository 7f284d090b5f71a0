"""Penalised least squares through a network: all penalties at once where it is affine, else one by one."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from kgrec.errors import InputError
from kgrec.seed import torch_generator

TOLERANCE = 1e-3
"""Conjugate gradients end at a residual of the normal equations this much shorter than the first one."""

MAX_STEPS = 1000
"""Steps of conjugate gradients, at most: a penalty too small for the tolerance regularises by stopping."""

AFFINE_WITHIN = 1e-3
"""A network counts as affine when its second difference is this much shorter than its first."""


@dataclass(frozen=True)
class LeastSquares:
    r"""The problem of fitting parameters θ, which begin at θ_0.

    .. math:: \min_\theta \lVert r(\theta) \rVert^2 + \lambda \lVert \theta - \theta_0 \rVert^2

    Where r is affine in θ, every λ has one solution, and conjugate gradients find them all at the cost of the
    smallest: the systems differ by a multiple of the identity and share their Krylov space (multi-shift
    CG; `Jegerlehner 1996 <https://arxiv.org/abs/hep-lat/9612014>`_, §3). A step is one forward and one
    backward pass; no matrix is formed. Elsewhere L-BFGS descends from the largest penalty to the smallest,
    each from the solution before.

    Args:
        residual: r of the parameters as they are, any shape, without noise.
        parameters: θ, one or more; left at the last solution.
        iterations: of L-BFGS for each penalty; conjugate gradients end by themselves.
    """

    residual: Callable[[], Tensor]
    parameters: Sequence[nn.Parameter]
    iterations: int

    def solutions(self, ridges: Sequence[float]) -> Iterator[float]:
        """Set θ to the solution of each penalty (> 0), largest first, and yield the penalty.

        Raises:
            InputError: no finite solution.
        """
        ridges = sorted(ridges, reverse=True)
        start = [parameter.detach().clone() for parameter in self.parameters]
        if not self._is_affine(start):
            self._set(start, None)
            for ridge in ridges:
                self._descend(start, ridge)
                yield ridge
            return
        for ridge, step in zip(ridges, self._conjugate_gradients(start, ridges), strict=True):
            self._set(start, step)
            yield ridge

    def _is_affine(self, start: Sequence[Tensor]) -> bool:
        """Whether half a random step changes r half as much; an odd function would pass for a step back."""
        size = sum(parameter.numel() for parameter in self.parameters)
        generator = torch_generator(0, "is_affine")
        direction = torch.randn(size, generator=generator).to(start[0])
        with torch.no_grad():
            self._set(start, None)
            middle = self.residual()
            self._set(start, direction)
            ahead = self.residual() - middle
            self._set(start, direction / 2)
            half = self.residual() - middle
        return bool((ahead - 2 * half).norm() <= AFFINE_WITHIN * ahead.norm())

    def _conjugate_gradients(self, start: Sequence[Tensor], ridges: Sequence[float]) -> list[Tensor]:
        """θ - θ_0 of each penalty, flat: (AᵀA + λI) x = b with A the slope of r and b = -Aᵀ r(θ_0)."""
        self._set(start, None)
        offset = self.residual()
        b = -self._gradient(offset, offset.detach())
        smallest = min(ridges)
        systems = [_Shifted(b, ridge - smallest) for ridge in ridges]
        residual, direction = b.clone(), b.clone()
        first = squared = float(b @ b)
        alpha, beta = 1.0, 0.0
        for _ in range(MAX_STEPS):
            if squared <= TOLERANCE**2 * first:
                break
            self._set(start, direction)
            moved = self.residual()
            product = self._gradient(moved, (moved - offset).detach()) + smallest * direction
            before, alpha = alpha, squared / float(direction @ product)
            for system in systems:
                system.step(alpha, before, beta)
            residual.sub_(product, alpha=alpha)
            previous, squared = squared, float(residual @ residual)
            beta = squared / previous
            direction.mul_(beta).add_(residual)
            for system in systems:
                system.turn(residual, beta, squared / first)
        if not all(system.x.isfinite().all() for system in systems):
            raise InputError(_NO_SOLUTION.format(smallest))
        return [system.x for system in systems]

    def _gradient(self, output: Tensor, cotangent: Tensor) -> Tensor:
        # A graph without facts leaves the entities' parameters out of the residual.
        parts = torch.autograd.grad(
            output, list(self.parameters), cotangent, allow_unused=True, materialize_grads=True
        )
        return torch.cat([part.reshape(-1) for part in parts])

    def _set(self, start: Sequence[Tensor], step: Tensor | None) -> None:
        """θ = θ_0 + step."""
        sizes = [value.numel() for value in start]
        steps = [None] * len(sizes) if step is None else step.split(sizes)
        with torch.no_grad():
            for parameter, value, part in zip(self.parameters, start, steps, strict=True):
                parameter.copy_(value if part is None else value + part.view_as(value))

    def _descend(self, start: Sequence[Tensor], ridge: float) -> None:
        """L-BFGS in place, beginning where the parameters are."""
        parameters = list(self.parameters)
        optimizer = torch.optim.LBFGS(
            parameters,
            max_iter=self.iterations,
            history_size=self.iterations,
            line_search_fn="strong_wolfe",
        )

        def closure() -> Tensor:
            optimizer.zero_grad()
            error = self.residual()
            objective = error.square().sum()
            for parameter, value in zip(parameters, start, strict=True):
                objective = objective + ridge * (parameter - value).square().sum()
            objective = objective / len(error)
            objective.backward(inputs=parameters)  # the weights held fixed gather no gradient
            if not all(weight.grad is not None and weight.grad.isfinite().all() for weight in parameters):
                raise InputError(_NO_SOLUTION.format(ridge))
            return objective.detach()

        optimizer.step(closure)
        optimizer.zero_grad()


_NO_SOLUTION = (
    "model.start: no finite solution at ridge {}; a network that scales its rows to length 1 has no gradient "
    "at zero, where the start begins: set model.start=null"
)


class _Shifted:
    """The solution of one penalty, carried along by the steps of the smallest.

    Its residual is ζ times that of the smallest penalty's system, so that it needs no product of its own.

    Args:
        b: right-hand side.
        shift: its penalty less the smallest one, ≥ 0.
    """

    def __init__(self, b: Tensor, shift: float) -> None:
        self.x = torch.zeros_like(b)
        self.shift = shift
        self.direction = b.clone()
        self.zeta, self.zeta_before = 1.0, 1.0
        self.is_done = False

    def step(self, alpha: float, alpha_before: float, beta: float) -> None:
        """Move x by the smallest system's step ``alpha``; the step and turn before it were given."""
        if self.is_done:
            return
        damped = alpha * beta * (self.zeta_before - self.zeta)
        carried = self.zeta_before * alpha_before
        zeta = self.zeta * carried / (damped + carried * (1 + self.shift * alpha))
        self.x.add_(self.direction, alpha=alpha * zeta / self.zeta)
        self.zeta_before, self.zeta = self.zeta, zeta

    def turn(self, residual: Tensor, beta: float, squared_share: float) -> None:
        """Turn the direction, unless what is left of the residual's square is below the tolerance."""
        self.is_done = self.is_done or self.zeta**2 * squared_share <= TOLERANCE**2
        if not self.is_done:
            self.direction.mul_(beta * (self.zeta / self.zeta_before) ** 2).add_(residual, alpha=self.zeta)
