"""Choosing a setting of a closed-form model on validation interactions."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Protocol, TypeVar

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from kgrec.data.dataset import RecDataset
from kgrec.errors import InputError
from kgrec.models.features import interaction_matrix
from kgrec.seed import tie_break_order

log = logging.getLogger(__name__)

BLOCK_SIZE = 512
"""Users scored at a time: bounds memory, changes no result."""

FEW_COLUMNS = 4000
"""Up to here numpy's partition is ahead of torch's topk: three times at 1,600, nearly twice at 3,200."""


ScoreSome = Callable[[Tensor, Tensor], Tensor]
"""User ids ``[B]`` and item ids ``[C]`` → scores ``[B, C]``, a new tensor: whoever asks may write to it."""


def some_of(score: Callable[[Tensor], Tensor]) -> ScoreSome:
    """The same for a score of all items, ``[B] -> [B, I]``."""
    return lambda user_ids, item_ids: score(user_ids)[:, item_ids]


class Solution(Protocol):
    """A closed form solved at one setting."""

    @property
    def setting(self) -> dict[str, float]:
        """What distinguishes it from its siblings."""
        ...

    def score(self, user_ids: Tensor, item_ids: Tensor) -> Tensor:
        """Scores ``[B, C]`` of ``user_ids [B]`` and ``item_ids [C]``."""
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
        train, valid = (interaction_matrix(pairs, *shape) for pairs in (dataset.train, dataset.valid))
        evaluated = (train.sum(axis=1) > 0) & (valid[:, candidates].sum(axis=1) > 0)
        if not evaluated.any():
            raise InputError(
                f"dataset {dataset.name}: no validation interaction to choose a setting by; "
                "give one value instead of several"
            )
        # In the order in which ties are broken, so that of equal scores the first ones are recommended.
        candidates = candidates[np.argsort(tie_break_order(dataset.items.raw_ids)[candidates])]
        relevant, seen = valid[:, candidates], train[:, candidates]
        self.candidates = torch.from_numpy(candidates)
        self._blocks = [
            _Block(torch.from_numpy(user_ids), _places(relevant[user_ids]), _places(seen[user_ids]))
            for user_ids in np.split(
                np.flatnonzero(evaluated), range(BLOCK_SIZE, int(evaluated.sum()), BLOCK_SIZE)
            )
        ]

    def __call__(self, score: ScoreSome) -> float:
        """Mean recall of ``score(user_ids [B], item_ids [C]) -> [B, C]``."""
        return float(
            torch.cat(
                [self._of_block(score(block.user_ids, self.candidates), block) for block in self._blocks]
            ).mean()
        )

    def _of_block(self, scores: Tensor, block: "_Block") -> Tensor:
        """Recall of each user of a block, from scores ``[B, C]``."""
        scores = scores.cpu().nan_to_num_(-torch.inf, torch.inf, -torch.inf)
        scores[block.seen] = -torch.inf
        lowest = _kth_largest(scores, min(self.k, scores.shape[1]))
        user, item = block.relevant
        own, needed = scores[user, item], lowest[user]
        hit = own > needed
        # Of the scores equal to the lowest that is recommended, only as many as there is room for.
        tied = torch.nonzero((own == needed) & (own > -torch.inf)).squeeze(1)
        rows, row = user[tied].unique(return_inverse=True)  # few: the pass over all scores is left to them
        room = self.k - (scores[rows] > lowest[rows, None]).sum(1)
        equal = (scores[rows] == lowest[rows, None]).cumsum(1)
        hit[tied] = equal[row, item[tied]] <= room[row]
        hits = torch.zeros(len(block.user_ids)).index_add_(0, user, hit.float())
        return hits / torch.bincount(user, minlength=len(block.user_ids))


Places = tuple[Tensor, Tensor]
"""Row and column of each entry of a matrix."""


@dataclass(frozen=True)
class _Block:
    """Users that are ranked for at once.

    Attributes:
        user_ids: ``[B]``.
        relevant: places in ``[B, C]`` of the validation interactions.
        seen: places of the training interactions.
    """

    user_ids: Tensor
    relevant: Places
    seen: Places


def _kth_largest(scores: Tensor, k: int) -> Tensor:
    """``[B]`` of ``scores [B, C]`` on CPU: numpy parts few columns faster than torch searches the highest."""
    if scores.shape[1] <= FEW_COLUMNS:
        return torch.from_numpy(np.partition(scores.numpy(), -k, axis=1)[:, -k])
    return scores.topk(k).values[:, -1]


def _places(rows: sp.csr_array) -> Places:
    row, column = rows.nonzero()
    return torch.from_numpy(row.astype(np.int64)), torch.from_numpy(column.astype(np.int64))


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
