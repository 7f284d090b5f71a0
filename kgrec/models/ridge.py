"""Ridge regression from item features to item factors: the floor for every cold-start model."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from kgrec.models.base import ModelInputs, Recommender
from kgrec.models.factor_targets import FactorTargets, TargetChoice
from kgrec.models.features import interaction_matrix
from kgrec.models.item_kernel import ItemBlocks, ItemKernel, KernelWeights
from kgrec.models.selection import best_on_validation, check_values


class Ridge(Recommender):
    r"""Kernel ridge regression from the features of warm items to their collaborative factors.

    After the idea of mapping attributes to factors of a collaborative model, Gantner et al., ICDM 2010,
    https://doi.org/10.1109/ICDM.2010.129, solved in closed form. With K the kernel of all items
    (:class:`~kgrec.models.item_kernel.ItemKernel`), w the warm items and Q their factors
    (:class:`~kgrec.models.factor_targets.FactorTargets`):

    .. math:: \hat Q = K_{\cdot w} (K_{ww} + \lambda I)^{-1} Q, \quad s_u = \hat Q S^p p_u

    The dual form, because features may outnumber items; O(I³) time per kernel and λ, in float64. Every
    item, also a warm one, is scored from its features alone; users are represented by their factors.
    Scores may have any sign. Without text or graph that block is 0; without both all items are equal.

    All combinations of the kernel's, the targets' and λ's values are solved and the best is kept by
    validation recall (:class:`~kgrec.models.selection.ValidationRecall`). Test interactions are never
    read, and validation interactions serve this choice only.

    Args:
        inputs: text features, graph, training interactions; validation ones where there is a choice; numeric
            attributes where there are any.
        kernel: which features count how much.
        targets: what is regressed.
        balanced_facts: whether relations of many facts are held back, see
            :func:`kgrec.models.features.fact_matrix`.
        ridge: values of λ (> 0) to choose from.
        selection_k: cutoff of the recall that chooses.

    Raises:
        InputError: a value outside its range.
    """

    needs_graph = True
    needs_text = True
    reads_attributes = True
    user_factors: Tensor
    item_factors: Tensor

    def __init__(
        self,
        inputs: ModelInputs,
        kernel: ItemKernel,
        targets: FactorTargets,
        balanced_facts: bool,
        ridge: Sequence[float],
        selection_k: int,
    ) -> None:
        super().__init__(inputs)
        self.required_inputs(inputs)
        check_values("ridge", ridge, lowest=0, or_equal=False)
        check_values("selection_k", [selection_k], lowest=1, or_equal=True)
        self.kernel, self.targets = kernel, targets
        self.ridge, self.selection_k = tuple(ridge), selection_k
        self._dataset = inputs.dataset
        self._blocks = ItemBlocks.of(inputs, balanced_facts)
        self._warm = np.flatnonzero(inputs.dataset.warm_items)
        num_factors = targets.num_factors(self.num_users, len(self._warm))
        self.register_buffer("user_factors", torch.zeros(self.num_users, num_factors))
        self.register_buffer("item_factors", torch.zeros(self.num_items, num_factors))

    def fit(self) -> None:
        """Solve for every combination of settings and keep the best."""
        best = best_on_validation(self._solutions(), self._dataset, self.selection_k)
        self.chosen = best.setting
        self.user_factors.copy_(best.users)
        self.item_factors.copy_(best.items)

    def embeddings(self) -> tuple[Tensor, Tensor]:
        """User factors ``[U, r]`` and predicted item factors ``[I, r]``."""
        return self.user_factors, self.item_factors

    def new_item_parameters(self) -> int:
        """The regression in its primal form: a row of factors for each feature and the intercept."""
        text = self._blocks.text.shape[1] if self._blocks.text.any() else 0
        facts, attributes = self._blocks.facts.shape[1], self._blocks.attributes.shape[1]
        return (text + facts + bool(facts) + attributes + 1) * self.item_factors.shape[1]

    def _solutions(self) -> Iterator["_Solution"]:
        interactions = interaction_matrix(self._dataset.train, self.num_users, self.num_items)
        factors = self.targets.factorise(interactions[:, self._warm])
        item_targets = torch.from_numpy(factors.items).to(self.device)
        users = torch.from_numpy(factors.users).float().to(self.device)
        for weights in self.kernel.choices_for(self._blocks):
            kernel = torch.from_numpy(self.kernel.matrix(self._blocks, weights)).to(self.device)
            for ridge in self.ridge:
                predicted = _regress(kernel, self._warm, item_targets, ridge)
                for target in self.targets.choices:
                    scale = torch.from_numpy(target.scale(factors.strength)).to(self.device)
                    yield _Solution(weights, ridge, target, users, (predicted * scale).float())


@dataclass(frozen=True)
class _Solution:
    weights: KernelWeights
    ridge: float
    target: TargetChoice
    users: Tensor
    items: Tensor

    @property
    def setting(self) -> dict[str, float]:
        rank = self.items.shape[1] if self.target.rank is None else self.target.rank
        chosen = {"ridge": self.ridge, "rank": rank, "power": self.target.power}
        return chosen | self.weights.as_dict()

    def score(self, user_ids: Tensor, item_ids: Tensor) -> Tensor:
        return self.users[user_ids] @ self.items[item_ids].T


def _regress(kernel: Tensor, warm: np.ndarray, targets: Tensor, ridge: float) -> Tensor:
    """Predictions ``[I, r]`` for all items from the targets ``[W, r]`` of the warm ones."""
    columns = kernel[:, torch.from_numpy(warm).to(kernel.device)]
    among_warm = columns[torch.from_numpy(warm).to(kernel.device)]
    among_warm.diagonal().add_(ridge)
    return columns @ torch.cholesky_solve(targets, torch.linalg.cholesky(among_warm))
