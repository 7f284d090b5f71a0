"""EASE: a linear item-to-item model in closed form."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kgrec.models.base import ModelInputs, Recommender
from kgrec.models.features import SparseRows, interaction_matrix
from kgrec.models.gram import item_weights
from kgrec.models.selection import best_on_validation, check_values


class EASE(Recommender):
    r"""Embarrassingly shallow autoencoder, Steck, WWW 2019, https://arxiv.org/abs/1905.03375 (eq. 8).

    With the binary matrix X [U, I] of training interactions:

    .. math:: P = (X^T X + \lambda I)^{-1}, \quad B_{ij} = -P_{ij} / P_{jj}, \quad B_{jj} = 0,
              \quad s_u = x_u B

    Scores may have any sign. An item without a training interaction scores 0. Solved in float64, O(I³)
    time and O(I²) memory.

    Args:
        inputs: training interactions; validation interactions where several ``ridge`` are given.
        ridge: values of λ (> 0) to choose from by validation recall; one value = no choice.
        selection_k: cutoff of that recall.

    Raises:
        InputError: a value outside its range.
    """

    weights: Tensor

    def __init__(self, inputs: ModelInputs, ridge: Sequence[float], selection_k: int) -> None:
        super().__init__(inputs)
        check_values("ridge", ridge, lowest=0, or_equal=False)
        check_values("selection_k", [selection_k], lowest=1, or_equal=True)
        self.ridge = tuple(ridge)
        self.selection_k = selection_k
        self._dataset = inputs.dataset
        self._interactions = interaction_matrix(inputs.dataset.train, self.num_users, self.num_items)
        self.history = SparseRows(self._interactions)
        self.register_buffer("weights", torch.zeros(self.num_items, self.num_items))

    def fit(self) -> None:
        """Solve for each λ and keep the best."""
        best = best_on_validation(self._solutions(), self._dataset, self.selection_k)
        self.chosen = best.setting
        self.weights.copy_(best.weights)

    def score(self, user_ids: Tensor) -> Tensor:
        """Scores ``[B, I]``."""
        return self.history.product(user_ids, self.weights)

    def _solutions(self) -> Iterator["_Solution"]:
        gram = (self._interactions.T @ self._interactions).toarray()
        common = torch.from_numpy(gram).to(self.device)
        for ridge in self.ridge:
            yield _Solution(ridge, item_weights(common, ridge).float(), self.history)


@dataclass(frozen=True)
class _Solution:
    ridge: float
    weights: Tensor
    history: SparseRows

    @property
    def setting(self) -> dict[str, float]:
        return {"ridge": self.ridge}

    def score(self, user_ids: Tensor, item_ids: Tensor) -> Tensor:
        return self.history.product(user_ids, self.weights)[:, item_ids]
