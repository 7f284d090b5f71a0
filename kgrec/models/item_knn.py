"""Item-to-item nearest neighbours by who consumed them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from kgrec.models.base import ModelInputs, Recommender
from kgrec.models.features import SparseRows, interaction_matrix
from kgrec.models.selection import best_on_validation, check_values
from kgrec.nn.csr import csr_tensor

BLOCK_SIZE = 1024
"""Items compared with all others at a time: bounds memory, changes no result."""


class ItemKNN(Recommender):
    r"""Item-based top-n, Deshpande and Karypis, TOIS 2004, https://doi.org/10.1145/963770.963776.

    Cosine between the columns of the training matrix, shrunk where few users support it:

    .. math:: sim(i, j) = \frac{|U_i \cap U_j|}{\sqrt{|U_i| |U_j|} + shrinkage}, \quad
              s_{ui} = \sum_{j \in N_i \cap I_u} sim(i, j)

    N_i are the n items most similar to i. Scores are ≥ 0; an item without a training interaction
    scores 0. Difference from the paper: N_i is taken around the recommended item (as in Sarwar et al.,
    WWW 2001, https://doi.org/10.1145/371920.372071), so that rare items keep neighbours, and rows are
    not normalised.

    Args:
        inputs: training interactions; validation interactions where there is a choice.
        num_neighbours: lengths n ≥ 1 of the neighbour lists to choose from by validation recall.
        shrinkage: values ≥ 0, in users, to choose from.
        selection_k: cutoff of that recall.

    Raises:
        InputError: a value outside its range.
    """

    neighbours: Tensor
    similarities: Tensor

    def __init__(
        self,
        inputs: ModelInputs,
        num_neighbours: Sequence[int],
        shrinkage: Sequence[float],
        selection_k: int,
    ) -> None:
        super().__init__(inputs)
        check_values("num_neighbours", num_neighbours, lowest=1, or_equal=True)
        check_values("shrinkage", shrinkage, lowest=0, or_equal=True)
        check_values("selection_k", [selection_k], lowest=1, or_equal=True)
        self.num_neighbours, self.shrinkage = tuple(num_neighbours), tuple(shrinkage)
        self.selection_k = selection_k
        self._dataset = inputs.dataset
        self._interactions = interaction_matrix(inputs.dataset.train, self.num_users, self.num_items)
        self.history = SparseRows(self._interactions)
        shape = (self.num_items, min(max(num_neighbours), self.num_items))
        self.register_buffer("neighbours", torch.arange(shape[1]).repeat(shape[0], 1))
        self.register_buffer("similarities", torch.zeros(shape))

    def fit(self) -> None:
        """Find each item's neighbours for every setting and keep the best setting."""
        best = best_on_validation(self._solutions(), self._dataset, self.selection_k)
        self.chosen = best.setting
        self.neighbours.copy_(best.neighbours)
        self.similarities.copy_(best.similarities)

    def score(self, user_ids: Tensor) -> Tensor:
        """Scores ``[B, I]``, ≥ 0."""
        return _score(self.neighbours, self.similarities, self.history.dense(user_ids))

    def _solutions(self) -> Iterator["_Solution"]:
        for shrinkage in self.shrinkage:
            neighbours, similarities = self._nearest(shrinkage)
            for length in self.num_neighbours:
                kept = similarities.clone()
                kept[:, length:] = 0.0
                columns, order = neighbours.sort(dim=1)
                yield _Solution(shrinkage, length, columns, kept.gather(1, order), self.history)

    def _nearest(self, shrinkage: float) -> tuple[Tensor, Tensor]:
        """Neighbours and their similarities, both ``[I, n]``, nearest first."""
        width = self.neighbours.shape[1]
        blocks = torch.arange(self.num_items).split(BLOCK_SIZE)
        nearest = [self._similarity(block.numpy(), shrinkage).topk(width, dim=1) for block in blocks]
        neighbours = torch.cat([found.indices for found in nearest])
        similarities = torch.cat([found.values for found in nearest])
        return neighbours.to(self.device), similarities.to(self.device)

    def _similarity(self, items: np.ndarray, shrinkage: float) -> Tensor:
        """``[b, I]`` similarity of ``items`` to all items, 0 to themselves."""
        common = (self._interactions[:, items].T @ self._interactions).toarray()
        norms = np.sqrt(self._interactions.sum(axis=0))
        # Items nobody has consumed have norm 0 and nothing in common: 0 / 1 keeps them at 0.
        scale = np.outer(norms[items], norms) + shrinkage
        similarity = common / np.where(scale > 0, scale, 1.0)
        similarity[np.arange(len(items)), items] = 0.0
        return torch.from_numpy(similarity.astype(np.float32))


@dataclass(frozen=True)
class _Solution:
    shrinkage: float
    num_neighbours: int
    neighbours: Tensor
    similarities: Tensor
    history: SparseRows

    @property
    def setting(self) -> dict[str, float]:
        return {"shrinkage": self.shrinkage, "num_neighbours": self.num_neighbours}

    def score(self, user_ids: Tensor, item_ids: Tensor) -> Tensor:
        return _score(self.neighbours, self.similarities, self.history.dense(user_ids))[:, item_ids]


def _score(neighbours: Tensor, similarities: Tensor, histories: Tensor) -> Tensor:
    """Scores ``[B, I]`` of histories ``[B, I]``.

    Args:
        neighbours: ``[I, n]``, each row ascending.
        similarities: ``[I, n]``.
        histories: ``[B, I]``, 1 where the user has consumed the item.
    """
    num_items, width = neighbours.shape
    starts = torch.arange(num_items + 1, device=neighbours.device) * width
    nearest = csr_tensor(starts, neighbours.flatten(), similarities.flatten(), (num_items, num_items))
    return (nearest @ histories.T).T
