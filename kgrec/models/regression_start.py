"""A start for gradient training: item embeddings regressed onto collaborative factors."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from kgrec.data.dataset import RecDataset
from kgrec.errors import InputError
from kgrec.models.factor_targets import Factors, FactorTargets, TargetChoice
from kgrec.models.features import interaction_matrix
from kgrec.models.least_squares import LeastSquares
from kgrec.models.selection import best_on_validation
from kgrec.shapes import FloatArray

SCOPES = ("linear", "all")

Lean = Callable[[float], None]


@dataclass(frozen=True)
class Fitted:
    """Weights regressed at one penalty.

    Attributes:
        ridge: the penalty.
        lean: prior log-odds of the graph's side in the fusion; ``None`` = as the fusion itself has them.
        target: how many factors count, and how much.
        weights: one tensor per fitted parameter.
        users: ``[U, D]``.
        items: ``[I, D]``.
    """

    ridge: float
    lean: float | None
    target: TargetChoice
    weights: list[Tensor]
    users: Tensor
    items: Tensor

    @property
    def setting(self) -> dict[str, float]:
        """What distinguishes it from its siblings."""
        rank = self.users.shape[1] if self.target.rank is None else self.target.rank
        setting = {"ridge": self.ridge, "rank": rank, "power": self.target.power}
        return setting if self.lean is None else {"lean": self.lean, **setting}

    def score(self, user_ids: Tensor, item_ids: Tensor) -> Tensor:
        """``[B, C]``, from the factors that count: the users have zeros for the others."""
        kept = slice(self.target.rank)
        return self.users[user_ids, kept] @ self.items[item_ids, kept].T


class RegressionStart:
    r"""Put users at the factors of the training matrix, and regress item embeddings onto the items' factors.

    .. math::
        \min_\theta \sum_{i\ \mathrm{warm}} \lVert z_i(\theta) - \sqrt{W} q_i \rVert^2
                    + \lambda \lVert \theta - \theta_0 \rVert^2

    with z_i(θ) the network's embedding of item i, q_i its collaborative factor, W the number of warm items
    and θ_0 the initial weights. Mapping features to factors is the idea of Gantner et al., ICDM 2010,
    https://doi.org/10.1109/ICDM.2010.129; here the map is the whole network. Where it is affine in θ, as a
    one-layer graph network behind an even gate is, this is ridge regression
    (:class:`~kgrec.models.least_squares.LeastSquares` solves it, without ever forming a kernel). It matters
    because gradient steps that adapt to each weight, Adam's, give a fact that two items share as much say as
    one that two hundred share.

    The penalty is chosen on validation (:class:`~kgrec.models.selection.ValidationRecall`); test is never
    read. So is how far the fusion leans towards the graph, which is left alone where it says nothing.

    Args:
        targets: the factors, and how the users' are weighted in the score (chosen on validation too).
        ridge: values of λ > 0 to choose from.
        lean: prior log-odds of the graph's side to choose from, for a fusion that has such; empty = its own.
        iterations: L-BFGS iterations per value, ≥ 1, where the network is not affine.
        selection_k: cutoff of the recall that chooses.
        scope: ``linear`` = what is embedded or mapped into the model's space is regressed, graph network and
            fusion stay as they were drawn; ``all`` = they are regressed too, under the same penalty.
        hold_items: whether the item side stays as regressed and the gradient steps that follow train the
            users alone. Trained on, items come to trust facts that only name them: what they were regressed
            on is what they are now ranked on.

    Raises:
        InputError: a setting outside its range.
    """

    def __init__(
        self,
        targets: FactorTargets,
        ridge: Sequence[float],
        lean: Sequence[float],
        iterations: int,
        selection_k: int,
        scope: str,
        hold_items: bool,
    ) -> None:
        if not ridge or min(ridge) <= 0:
            raise InputError(f"model.start.ridge: found {list(ridge)}, expected one or more numbers > 0")
        if iterations < 1:
            raise InputError(f"model.start.iterations: found {iterations}, expected at least 1")
        if scope not in SCOPES:
            raise InputError(f"model.start.scope: found {scope!r}, expected one of {', '.join(SCOPES)}")
        self.scope = scope
        self.targets = targets
        self.ridge = tuple(ridge)
        self.lean = tuple(lean)
        self.iterations = iterations
        self.selection_k = selection_k
        self.hold_items = hold_items

    def __call__(
        self,
        dataset: RecDataset,
        users: nn.Parameter,
        parameters: Sequence[nn.Parameter],
        item_embeddings: Callable[[], Tensor],
        lean: Lean | None = None,
    ) -> dict[str, float]:
        """Set ``users [U, D]`` and ``parameters`` in place.

        Args:
            dataset: training pairs; validation pairs where there is something to choose.
            users: the users' embedding.
            parameters: θ, all that ``item_embeddings`` may change.
            item_embeddings: the items ``[I, D]``, without noise.
            lean: sets the prior log-odds of the graph's side; ``None`` where there are none.

        Returns:
            What was chosen, by name.

        Raises:
            InputError: more factors wanted than D, or a network that cannot begin at zero.
        """
        warm = np.flatnonzero(dataset.warm_items)
        matrix = interaction_matrix(dataset.train, dataset.num_users, dataset.num_items)[:, warm]
        rank, width = self.targets.num_factors(*matrix.shape), users.shape[1]
        if rank > width:
            raise InputError(
                f"model.start.targets.rank: found {rank}, expected at most {width} (embedding_dim)"
            )
        regression = _Regression(
            self.targets,
            self.targets.factorise(matrix),
            torch.from_numpy(warm).to(users.device),
            users,
            parameters,
            item_embeddings,
            lean,
            self.iterations,
        )
        solutions = (fitted for value in self._leans(lean) for fitted in regression.at(value, self.ridge))
        best = best_on_validation(solutions, dataset, self.selection_k)
        if best.lean is not None and lean is not None:
            lean(best.lean)
        with torch.no_grad():
            users.copy_(best.users)
            for parameter, value in zip(parameters, best.weights, strict=True):
                parameter.copy_(value)
        return best.setting

    def _leans(self, lean: Lean | None) -> tuple[float | None, ...]:
        return self.lean if lean is not None and self.lean else (None,)


@dataclass(frozen=True)
class _Regression:
    """What the start regresses, and onto what.

    Attributes:
        targets: how the factors are weighted.
        factors: of the warm items and all users.
        warm: ids of the warm items.
        users: where the users' factors go.
        parameters: θ.
        item_embeddings: the items ``[I, D]`` of θ.
        lean: sets the prior log-odds of the graph's side.
        iterations: of L-BFGS.
    """

    targets: FactorTargets
    factors: Factors
    warm: Tensor
    users: Tensor
    parameters: Sequence[nn.Parameter]
    item_embeddings: Callable[[], Tensor]
    lean: Lean | None
    iterations: int

    def at(self, lean: float | None, ridges: Sequence[float]) -> Iterator[Fitted]:
        """Solutions of these penalties, each read with every weighting; θ is put back where it began."""
        if self.lean is not None and lean is not None:
            self.lean(lean)
        start = [parameter.detach().clone() for parameter in self.parameters]
        wanted = _widen(self.factors.items * len(self.warm) ** 0.5, self.users)
        problem = LeastSquares(
            lambda: self.item_embeddings()[self.warm] - wanted, self.parameters, self.iterations
        )
        for ridge in problem.solutions(ridges):
            weights = [parameter.detach().clone() for parameter in self.parameters]
            with torch.no_grad():
                items = self.item_embeddings()
            for choice in self.targets.choices:
                scaled = self.factors.users * choice.scale(self.factors.strength)
                # Rows of mean square length 1, so that the temperature of the loss means the same everywhere.
                scaled /= np.sqrt(np.square(scaled).sum(axis=1).mean())
                yield Fitted(ridge, lean, choice, weights, _widen(scaled, self.users), items)
        with torch.no_grad():
            for parameter, value in zip(self.parameters, start, strict=True):
                parameter.copy_(value)


def _widen(factors: FloatArray, users: Tensor) -> Tensor:
    """``[n, r]`` with columns of 0 added up to the width of ``users``: a small matrix has few factors."""
    padded = np.pad(factors, ((0, 0), (0, users.shape[1] - factors.shape[1])))
    return torch.from_numpy(padded).to(users)
