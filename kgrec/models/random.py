"""Random scores: the level that every other figure is compared with."""

import torch
from torch import Tensor

from kgrec.models.base import ModelInputs, Recommender
from kgrec.seed import torch_generator


class RandomScores(Recommender):
    """Uniform scores in [0, 1), drawn from a stream of its own for each user.

    A user's scores depend on the seed and the user id only, not on the batch. Nothing is trained.

    Args:
        inputs: only its sizes are used.
        seed: seed of the draws.
    """

    def __init__(self, inputs: ModelInputs, seed: int) -> None:
        super().__init__(inputs)
        self.seed = seed

    def score(self, user_ids: Tensor) -> Tensor:
        """Scores ``[B, I]`` in [0, 1)."""
        scores = torch.empty(len(user_ids), self.num_items)
        for row, user in zip(scores, user_ids.tolist(), strict=True):
            torch.rand(self.num_items, generator=torch_generator(self.seed, "random_scores", user), out=row)
        return scores.to(user_ids.device)
