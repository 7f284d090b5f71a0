"""What users liked: the items nearest to a candidate, and the mean of features."""

import numpy as np
import torch
from torch import Tensor

from kgrec.models.features import interaction_matrix
from kgrec.shapes import FloatArray, Pairs


class UserHistories:
    """The items of each user, read with a candidate in mind.

    Of a long history a language model reads the items nearest to the candidate, as in `ReLLa
    <https://arxiv.org/abs/2308.11131>`_ (Lin et al., WWW 2024): there by a large model's vectors, here
    by the same text features that all arms have.

    Args:
        pairs: ``[n, 2]`` interactions.
        num_users: U.
        vectors: ``[I, D]`` rows of length 1 or 0, whose inner products say how near two items are.
        length: items read of a history, ≥ 0.
    """

    def __init__(self, pairs: Pairs, num_users: int, vectors: FloatArray, length: int) -> None:
        self._matrix = interaction_matrix(pairs, num_users, len(vectors))
        self._vectors = vectors
        self.length = length

    def nearest(self, user: int, candidates: list[int]) -> list[list[int]]:
        """For each candidate the nearest items of the user's history, nearest first."""
        start, end = self._matrix.indptr[user : user + 2]
        items = self._matrix.indices[start:end]
        similar = self._vectors[candidates] @ self._vectors[items].T
        order = np.argsort(-similar, axis=1, kind="stable")[:, : self.length]
        return [items[row].tolist() for row in order]

    def means(self, features: Tensor) -> Tensor:
        """``[U, G]`` mean of ``features [I, G]`` over each history, zeros where there is none."""
        counts = np.diff(self._matrix.indptr)[:, None].clip(min=1)
        means = self._matrix @ features.double().cpu().numpy() / counts
        return torch.from_numpy(means).float().to(features.device)
