"""Popularity: the same list for everybody."""

import numpy as np
import torch
from torch import Tensor

from kgrec.models.base import ModelInputs, Recommender


class Popularity(Recommender):
    """An item's score is its number of training interactions (≥ 0); cold items all score 0.

    Nothing is trained.

    Args:
        inputs: training interactions are used.
    """

    counts: Tensor

    def __init__(self, inputs: ModelInputs) -> None:
        super().__init__(inputs)
        counts = np.bincount(inputs.dataset.train[:, 1], minlength=self.num_items)
        self.register_buffer("counts", torch.from_numpy(counts).float(), persistent=False)

    def embeddings(self) -> tuple[Tensor, Tensor]:
        """``[U, 1]`` ones and ``[I, 1]`` counts."""
        return self.counts.new_ones(self.num_users, 1), self.counts[:, None]
