"""EASE over short histories: a linear item-to-item model, with the last items weighing most."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from kgrec.models.base import ModelInputs, Recommender
from kgrec.models.features import interaction_matrix
from kgrec.models.gram import item_weights
from kgrec.models.history import BLOCK_SIZE, ExpectedHit, lag_weights, padded_histories, summed_rows
from kgrec.models.selection import check_values
from kgrec.shapes import Pairs


class HistoryEASE(Recommender):
    r"""`EASE <https://arxiv.org/abs/1905.03375>`_ (Steck, WWW 2019, eq. 8) with sequences for users.

    .. math:: s_j = \sum_l (l + 1)^{-decay} B_{h_l j}

    X [S, I] holds history and target of each training sequence alike, so that B knows what goes together and
    not what comes first; l is the lag of a place. Scores may have any sign. O(I³) time and O(I²) memory.

    Args:
        inputs: training sequences; validation sequences where there is a choice.
        ridge: values of λ (> 0) to choose from by the expected hit on validation.
        decay: values ≥ 0 to choose from.
        others: items drawn beside the target in that criterion, ≥ 1.

    Raises:
        InputError: a value out of range, or no sequences.
    """

    histories: Tensor
    weights: Tensor
    lags: Tensor

    def __init__(
        self, inputs: ModelInputs, ridge: Sequence[float], decay: Sequence[float], others: int
    ) -> None:
        super().__init__(inputs)
        check_values("ridge", ridge, lowest=0, or_equal=False)
        check_values("decay", decay, lowest=0, or_equal=True)
        check_values("others", [others], lowest=1, or_equal=True)
        self.ridge, self.decay, self.others = tuple(ridge), tuple(decay), others
        self._dataset = inputs.dataset
        histories = padded_histories(inputs.dataset)
        self.register_buffer("histories", histories, persistent=False)
        self.register_buffer("weights", torch.zeros(self.num_items + 1, self.num_items))
        self.register_buffer("lags", torch.zeros(histories.shape[1]))

    def fit(self) -> None:
        """Solve for each setting and keep the best."""
        hit = ExpectedHit(self._dataset, self.others) if len(self.ridge) * len(self.decay) > 1 else None
        best = -1.0
        for ridge, decay, weights, lags in self._solutions():
            value = 0.0 if hit is None else _expected_hit(hit, weights, lags)
            if value > best:
                best = value
                self.chosen = {"ridge": ridge, "decay": decay}
                self.weights.copy_(weights)
                self.lags.copy_(lags)

    def score(self, user_ids: Tensor) -> Tensor:
        """Scores ``[B, I]``."""
        return summed_rows(self.histories[user_ids], self.lags, self.weights)

    def _solutions(self) -> Iterator[tuple[float, float, Tensor, Tensor]]:
        seen = interaction_matrix(self._members(), self.num_users, self.num_items)
        gram = torch.from_numpy((seen.T @ seen).toarray())
        for ridge in self.ridge:
            weights = item_weights(gram, ridge)
            padded = torch.cat([weights, weights.new_zeros(1, self.num_items)]).float()
            for decay in self.decay:
                yield ridge, decay, padded, lag_weights(self.histories.shape[1], decay).float()

    def _members(self) -> Pairs:
        """``[n, 2]`` sequence and item: targets and histories of the training sequences."""
        train = self._dataset.train
        histories = self._dataset.in_sequences().histories[train[:, 0]]
        row, column = (histories >= 0).nonzero()
        return np.concatenate([train, np.stack([train[row, 0], histories[row, column]], axis=1)])


def _expected_hit(hit: ExpectedHit, weights: Tensor, lags: Tensor) -> float:
    blocks = enumerate(hit.histories.split(BLOCK_SIZE))
    found = [hit.of_scores(summed_rows(block, lags, weights), n * BLOCK_SIZE) for n, block in blocks]
    return float(torch.cat(found).mean())
