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
from kgrec.models.selection import best_on_validation
from kgrec.shapes import FloatArray, IntArray

SCOPES = ("linear", "all")


@dataclass(frozen=True)
class Fitted:
    """Weights regressed at one penalty.

    Attributes:
        ridge: the penalty.
        target: how many factors count, and how much.
        weights: one tensor per fitted parameter.
        users: ``[U, D]``.
        items: ``[I, D]``.
    """

    ridge: float
    target: TargetChoice
    weights: list[Tensor]
    users: Tensor
    items: Tensor

    @property
    def setting(self) -> dict[str, float]:
        """What distinguishes it from its siblings."""
        rank = self.users.shape[1] if self.target.rank is None else self.target.rank
        return {"ridge": self.ridge, "rank": rank, "power": self.target.power}

    def score(self, user_ids: Tensor) -> Tensor:
        """``[B, I]``."""
        return self.users[user_ids] @ self.items.T


class RegressionStart:
    r"""Put users at the factors of the training matrix, and regress item embeddings onto the items' factors.

    .. math::
        \min_\theta \sum_{i\ \mathrm{warm}} \lVert z_i(\theta) - \sqrt{W} q_i \rVert^2
                    + \lambda \lVert \theta - \theta_0 \rVert^2

    with z_i(θ) the network's embedding of item i, q_i its collaborative factor, W the number of warm items
    and θ_0 the initial weights. Mapping features to factors is the idea of Gantner et al., ICDM 2010,
    https://doi.org/10.1109/ICDM.2010.129; here the map is the whole network. Where it is linear in θ, as a
    one-layer graph network behind an even gate is, this is ridge regression in closed form, reached by L-BFGS
    without ever forming a kernel. It matters because gradient steps that adapt to each weight, Adam's,
    give a fact that two items share as much say as one that two hundred share.

    The penalty is chosen on validation (:class:`~kgrec.models.selection.ValidationRecall`); test is never
    read. Solutions are found from the largest penalty down, each from the one before.

    Args:
        targets: the factors, and how the users' are weighted in the score (chosen on validation too).
        ridge: values of λ > 0 to choose from.
        iterations: L-BFGS iterations per value, ≥ 1; few of them regularise too.
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
        self.ridge = sorted(ridge, reverse=True)
        self.iterations = iterations
        self.selection_k = selection_k
        self.hold_items = hold_items

    def __call__(
        self,
        dataset: RecDataset,
        users: nn.Parameter,
        parameters: Sequence[nn.Parameter],
        item_embeddings: Callable[[], Tensor],
    ) -> None:
        """Set ``users [U, D]`` and ``parameters`` in place.

        Args:
            dataset: training pairs; validation pairs where there is a penalty to choose.
            users: the users' embedding.
            parameters: θ, all that ``item_embeddings`` may change.
            item_embeddings: the items ``[I, D]``, without noise.

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
        factors = self.targets.factorise(matrix)
        solutions = self._solutions(factors, warm, users, parameters, item_embeddings)
        best = best_on_validation(solutions, dataset, self.selection_k)
        with torch.no_grad():
            users.copy_(best.users)
            for parameter, value in zip(parameters, best.weights, strict=True):
                parameter.copy_(value)

    def _solutions(
        self,
        factors: Factors,
        warm: IntArray,
        users: Tensor,
        parameters: Sequence[nn.Parameter],
        item_embeddings: Callable[[], Tensor],
    ) -> Iterator[Fitted]:
        rows = torch.from_numpy(warm).to(users.device)
        wanted = _widen(factors.items * len(warm) ** 0.5, users)
        initial = [parameter.detach().clone() for parameter in parameters]
        for ridge in self.ridge:
            self._regress(lambda: item_embeddings()[rows] - wanted, parameters, initial, ridge)
            weights = [parameter.detach().clone() for parameter in parameters]
            with torch.no_grad():
                items = item_embeddings()
            for choice in self.targets.choices:
                scaled = factors.users * choice.scale(factors.strength)
                # Rows of mean square length 1, so that the temperature of the loss means the same everywhere.
                scaled /= np.sqrt(np.square(scaled).sum(axis=1).mean())
                yield Fitted(ridge, choice, weights, _widen(scaled, users), items)

    def _regress(
        self,
        residual: Callable[[], Tensor],
        parameters: Sequence[nn.Parameter],
        initial: Sequence[Tensor],
        ridge: float,
    ) -> None:
        """Minimise Σ residual² + ridge · Σ (parameter - initial)² in place, beginning where they are."""
        optimizer = torch.optim.LBFGS(
            list(parameters),
            max_iter=self.iterations,
            history_size=self.iterations,
            line_search_fn="strong_wolfe",
        )

        def closure() -> Tensor:
            optimizer.zero_grad()
            error = residual()
            objective = error.square().sum()
            for parameter, start in zip(parameters, initial, strict=True):
                objective = objective + ridge * (parameter - start).square().sum()
            objective = objective / len(error)
            objective.backward(inputs=list(parameters))  # the weights held fixed gather no gradient
            if not all(weight.grad is not None and weight.grad.isfinite().all() for weight in parameters):
                raise InputError(
                    f"model.start: no finite solution at ridge {ridge}; a network that scales its rows to "
                    "length 1 has no gradient at zero, where the start begins: set model.start=null"
                )
            return objective.detach()

        optimizer.step(closure)
        optimizer.zero_grad()


def _widen(factors: FloatArray, users: Tensor) -> Tensor:
    """``[n, r]`` with columns of 0 added up to the width of ``users``: a small matrix has few factors."""
    padded = np.pad(factors, ((0, 0), (0, users.shape[1] - factors.shape[1])))
    return torch.from_numpy(padded).to(users)
