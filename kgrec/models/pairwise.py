"""Recommenders that score pairs, as their item vectors depend on the user."""

from abc import abstractmethod

import torch
from torch import Tensor

from kgrec.errors import InputError
from kgrec.models.base import Batch, ModelInputs, Recommender
from kgrec.nn.losses import RankingLoss, SampledLoss


class PairwiseRecommender(Recommender):
    """Scores a few items for each user in training; :meth:`score` ranks all of them.

    Args:
        inputs: sizes are used.
        loss: of sampled items.

    Raises:
        InputError: a loss that compares with all items.
    """

    def __init__(self, inputs: ModelInputs, loss: RankingLoss) -> None:
        super().__init__(inputs)
        if not isinstance(loss, SampledLoss):
            raise InputError(
                f"model.loss: found {type(loss).__name__}, which needs the scores of all items at each step; "
                f"{type(self).__name__} scores sampled ones: expected loss=bce, bpr or sampled_softmax"
            )
        self.criterion = loss
        self.num_negatives = loss.num_negatives

    @abstractmethod
    def score_items(self, user_ids: Tensor, item_ids: Tensor) -> Tensor:
        """Scores ``[B, m]`` of ``item_ids [B, m]`` for ``user_ids [B]``, with gradients."""

    def score_pairs(self, user_ids: Tensor, item_ids: Tensor) -> Tensor:
        """Scores ``[B]`` of pairs."""
        return self.score_items(user_ids, item_ids.unsqueeze(1)).squeeze(1)

    def loss(self, batch: Batch) -> Tensor:
        """Mean loss of the observed pairs against their negatives, and the penalty of both."""
        items = torch.cat([batch.items.unsqueeze(1), batch.negatives], dim=1)
        scores = self.score_items(batch.users, items)
        users = batch.users.unsqueeze(1).expand_as(items)
        labels = torch.zeros_like(scores)
        labels[:, 0] = 1.0
        penalty = self.penalty(users.flatten(), items.flatten(), labels.flatten())
        return self.criterion.of_scores(scores[:, 0], scores[:, 1:]) + penalty

    def _in_ranking_space(self, vectors: Tensor) -> Tensor:
        """``[..., D]`` as the loss scores them."""
        flat = self.criterion.ranking_space(vectors.reshape(-1, vectors.shape[-1]))
        return flat.reshape(vectors.shape)
