"""Choosing a setting of a closed-form model on validation interactions."""

import logging
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor

from kgrec.data.dataset import RecDataset
from kgrec.errors import InputError
from kgrec.models.features import SparseRows, interaction_matrix
from kgrec.seed import tie_break_order

log = logging.getLogger(__name__)

BLOCK_SIZE = 512
"""Users scored at a time: bounds memory, changes no result."""


class Solution(Protocol):
    """A closed form solved at one setting."""

    @property
    def setting(self) -> dict[str, float]:
        """What distinguishes it from its siblings."""
        ...

    def score(self, user_ids: Tensor) -> Tensor:
        """Scores ``[B, I]`` of ``user_ids [B]``."""
        ...


AnySolution = TypeVar("AnySolution", bound=Solution)


class ValidationRecall:
    """recall@k on the validation split, by the definition that the evaluation uses.

    Mean over users with a training interaction and a relevant item of hits / |relevant|. Candidates are
    the items held out as a whole for validation where the split has such (``cold_valid``), else all
    items; items of the user's training history are left out. Ties are broken by a seeded hash of the
    item id, and a score that is no number counts as the worst. **The test split is never read.**

    Args:
        dataset: its ``train``, ``valid`` and ``cold_valid`` are used.
        k: cutoff.

    Raises:
        InputError: there is no such user.
    """

    def __init__(self, dataset: RecDataset, k: int) -> None:
        self.k = k
        cold = dataset.cold_valid
        candidates = np.flatnonzero(cold if cold.any() else np.ones(dataset.num_items, dtype=bool))
        shape = (dataset.num_users, dataset.num_items)
        train = interaction_matrix(dataset.train, *shape)
        relevant = interaction_matrix(dataset.valid, *shape)[:, candidates]
        evaluated = (train.sum(axis=1) > 0) & (relevant.sum(axis=1) > 0)
        if not evaluated.any():
            raise InputError(
                f"dataset {dataset.name}: no validation interaction to choose a setting by; "
                "give one value instead of several"
            )
        self.user_ids = torch.from_numpy(np.flatnonzero(evaluated))
        self.candidates = torch.from_numpy(candidates)
        self.tie_break = torch.from_numpy(tie_break_order(dataset.items.raw_ids)[candidates])
        self._relevant = SparseRows(relevant)
        self._seen = SparseRows(train[:, candidates])

    def __call__(self, score: Callable[[Tensor], Tensor]) -> float:
        """Mean recall of ``score(user_ids [B]) -> [B, I]``."""
        blocks = self.user_ids.split(BLOCK_SIZE)
        return float(torch.cat([self._of_block(score, user_ids) for user_ids in blocks]).mean())

    def _of_block(self, score: Callable[[Tensor], Tensor], user_ids: Tensor) -> Tensor:
        """Recall of each user of a block: an item is a hit when fewer than k candidates precede it."""
        scores = score(user_ids).cpu()[:, self.candidates]
        scores = scores.masked_fill(self._seen.dense(user_ids) > 0, -torch.inf)
        relevant = self._relevant.dense(user_ids)
        row, item = relevant.nonzero(as_tuple=True)
        own, others = scores[row, item][:, None], scores[row]
        later = self.tie_break[None] > self.tie_break[item][:, None]
        follows = (others < own) | ((others == own) & later)
        position = len(self.candidates) - 1 - follows.sum(1)
        hit = (position < self.k) & (own[:, 0] > -torch.inf)
        return torch.zeros(len(user_ids)).index_add_(0, row, hit.float()) / relevant.sum(1)


def check_values(setting: str, values: Sequence[float], *, lowest: float, or_equal: bool) -> None:
    """Refuse an empty list of values to choose from, or one with a value that is too low.

    Raises:
        InputError: naming ``model.<setting>``.
    """
    if values and all(value > lowest or (or_equal and value == lowest) for value in values):
        return
    sign = ">=" if or_equal else ">"
    raise InputError(f"model.{setting}: found {list(values)}, expected one or more numbers {sign} {lowest}")


def best_on_validation(solutions: Iterator[AnySolution], dataset: RecDataset, k: int) -> AnySolution:
    """The solution with the best validation recall@k, the first among equals.

    Solutions are made one at a time, so that only the best and the newest are in memory. Where there is
    only one, nothing is evaluated and no validation data is needed.
    """
    first = next(solutions)
    second = next(solutions, None)
    if second is None:
        return first
    recall = ValidationRecall(dataset, k)
    value, best = max(
        ((recall(solution.score), solution) for solution in chain((first, second), solutions)),
        key=lambda pair: pair[0],
    )
    log.info("chosen on validation: %s (recall@%d %.4f)", best.setting, k, value)
    return best
