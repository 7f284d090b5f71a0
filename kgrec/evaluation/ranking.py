"""Scores to top-K lists: seen items masked, candidates restricted, ties broken by a fixed order.

Users are scored in blocks, so users × items never stands whole in memory, and each block is scored once
however many candidate sets are asked for. No row is sorted whole (:mod:`kgrec.evaluation.top_k`). What hangs
on users, candidates and relevant pairs alone is prepared once, in :class:`Ranker` and :class:`Judge`, for
rankings that are repeated after every epoch.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from kgrec.evaluation.side_by_side import side_by_side
from kgrec.evaluation.top_k import NO_COLUMN, top_columns
from kgrec.shapes import BoolArray, IntArray, Pairs

ScoreFunction: TypeAlias = Callable[[Tensor], Tensor]
"""User ids ``[B]`` int64 → scores ``[B, I]``, floating, higher is better; -inf = never recommend.

After its first call it may be called by several threads at a time."""

NO_ITEM = NO_COLUMN
"""Fills the places of a list for which no candidate is left."""


@dataclass(frozen=True)
class Ranking:
    """Top-K lists with their relevance, on the CPU: all that a metric may look at.

    Attributes:
        items: ``[U, K]`` int64 item ids, best first; -1 where no candidate is left.
        hits: ``[U, K]`` bool, whether the item at that rank is relevant.
        num_relevant: ``[U]`` int64, relevant items of the user, retrieved or not.
        user_ids: ``[U]`` int64.
    """

    items: Tensor
    hits: Tensor
    num_relevant: Tensor
    user_ids: Tensor


def rank(
    score: ScoreFunction,
    user_ids: IntArray,
    relevant: Pairs,
    seen: Pairs,
    candidates: BoolArray | None,
    tie_break: IntArray,
    k: int,
    block_size: int,
    device: torch.device | str,
) -> Ranking:
    """Rank the candidates for each user and mark the relevant ones.

    Args:
        score: see :data:`ScoreFunction`.
        user_ids: ``[U]`` distinct ids of the users to rank for.
        relevant: ``[n, 2]`` user, item; pairs of other users are ignored, and so are pairs whose item is
            no candidate: they count neither as hits nor in ``num_relevant``.
        seen: ``[m, 2]`` user, item pairs that must not be recommended.
        candidates: ``[I]`` items that may be recommended; ``None`` = all.
        tie_break: ``[I]`` from :func:`kgrec.seed.tie_break_order`; of equal scores the lower rank wins.
        k: length of the lists.
        block_size: users scored at once.
        device: where ``score`` expects its user ids.

    Raises:
        ValueError: scores that are NaN, of the wrong shape or not floating; no candidate; k < 1.
    """
    (items,) = top_items(score, user_ids, seen, [candidates], tie_break, k, block_size, device)
    if candidates is not None:
        relevant = relevant[candidates[relevant[:, 1]]]
    return judge(items, user_ids, relevant)


def top_items(
    score: ScoreFunction,
    user_ids: IntArray,
    seen: Pairs,
    candidate_sets: Sequence[BoolArray | None],
    tie_break: IntArray,
    k: int,
    block_size: int,
    device: torch.device | str,
) -> list[Tensor]:
    """Top-K item ids ``[U, K]`` for each candidate set; arguments and errors as in :func:`rank`."""
    return Ranker(user_ids, seen, candidate_sets, tie_break, device).top_items(score, k, block_size)


class Ranker:
    """Ranks the same candidates for the same users, by whatever scores.

    Args and errors as in :func:`rank`; ``candidate_sets`` are ranked each by itself.
    """

    def __init__(
        self,
        user_ids: IntArray,
        seen: Pairs,
        candidate_sets: Sequence[BoolArray | None],
        tie_break: IntArray,
        device: torch.device | str,
    ) -> None:
        self.num_items = len(tie_break)
        self._sets = [
            _Columns(candidates, tie_break, user_ids, seen, device) for candidates in candidate_sets
        ]
        self._users = torch.from_numpy(np.asarray(user_ids, dtype=np.int64)).to(device)

    def top_items(self, score: ScoreFunction, k: int, block_size: int) -> list[Tensor]:
        """Top-K item ids ``[U, K]`` for each candidate set."""
        if k < 1 or block_size < 1:
            raise ValueError(f"k and block_size must be at least 1, got {k} and {block_size}")
        lists = [torch.full((len(self._users), k), NO_ITEM, dtype=torch.int64) for _ in self._sets]

        def rank_block(start: int) -> None:
            block = self._users[start : start + block_size]
            with torch.no_grad():
                scores = score(block)
                _check_scores(scores, block, self.num_items)
                for columns, top in zip(self._sets, lists, strict=True):
                    top[start : start + len(block)] = columns.top(scores, start, k).cpu()

        side_by_side(rank_block, range(0, len(self._users), block_size), self._users.device)
        return lists


def judge(items: Tensor, user_ids: IntArray, relevant: Pairs) -> Ranking:
    """Mark the relevant items of top-K lists.

    Args:
        items: ``[U, K]`` item ids, -1 for empty places.
        user_ids: ``[U]`` distinct ids.
        relevant: ``[n, 2]`` user, item; a pair given twice counts once, pairs of other users are ignored.
    """
    return Judge(user_ids, relevant)(items)


class Judge:
    """Marks the same relevant items of the same users in whatever lists; arguments as in :func:`judge`."""

    def __init__(self, user_ids: IntArray, relevant: Pairs) -> None:
        users = np.asarray(user_ids, dtype=np.int64)
        self._stride = 1 + int(relevant[:, 1].max(initial=0))
        self._keys = np.unique(relevant[:, 0] * self._stride + relevant[:, 1])
        per_user = np.bincount(self._keys // self._stride, minlength=int(users.max(initial=0)) + 1)
        self._user_ids = torch.from_numpy(users)
        self.num_relevant = torch.from_numpy(per_user[users].astype(np.int64))

    def __call__(self, items: Tensor) -> Ranking:
        """Judge the lists ``[U, K]``, with -1 for empty places."""
        listed, users = items.numpy(), self._user_ids.numpy()
        keys = users[:, None] * self._stride + listed
        if len(self._keys):
            found = self._keys[np.searchsorted(self._keys[:-1], keys)] == keys
        else:
            found = np.zeros(listed.shape, dtype=bool)
        hits = found & (listed != NO_ITEM) & (listed < self._stride)  # beyond it keys mean other pairs
        return Ranking(
            items=items, hits=torch.from_numpy(hits), num_relevant=self.num_relevant, user_ids=self._user_ids
        )


class _Columns:
    """One candidate set: its columns of the scores, and the seen pairs that fall on them."""

    def __init__(
        self,
        candidates: BoolArray | None,
        tie_break: IntArray,
        user_ids: IntArray,
        seen: Pairs,
        device: torch.device | str,
    ) -> None:
        items = np.argsort(tie_break, kind="stable")
        if candidates is not None:
            items = items[candidates[items]]
        if len(items) == 0:
            raise ValueError("no item is a candidate")
        # All items are ranked where they stand; of some, a copy is made in the order that breaks ties.
        self._order = torch.from_numpy(items).to(device) if candidates is None else None
        self._items = None if candidates is None else torch.from_numpy(items).to(device)
        column_of_item = np.full(len(tie_break), -1, dtype=np.int64)
        column_of_item[items] = items if candidates is None else np.arange(len(items))
        highest_id = max(np.max(user_ids, initial=-1), seen[:, 0].max(initial=-1))
        row_of_user = np.full(int(highest_id) + 1, -1, dtype=np.int64)
        row_of_user[user_ids] = np.arange(len(user_ids))
        rows, columns = row_of_user[seen[:, 0]], column_of_item[seen[:, 1]]
        kept = np.flatnonzero((rows >= 0) & (columns >= 0))
        kept = kept[np.argsort(rows[kept], kind="stable")]
        self._sorted_rows = rows[kept]
        self._seen_rows = torch.from_numpy(rows[kept]).to(device)
        self._seen_columns = torch.from_numpy(columns[kept]).to(device)

    def top(self, scores: Tensor, start: int, k: int) -> Tensor:
        """Top-K item ids ``[B, K]`` of the users whose rows begin at ``start``; scores stay as they are."""
        first, last = np.searchsorted(self._sorted_rows, [start, start + len(scores)])
        seen = (self._seen_rows[first:last] - start, self._seen_columns[first:last])
        if self._items is not None:
            own = scores.index_select(1, self._items)
            own[seen] = -torch.inf
            columns = top_columns(own, k, self._order)
            return torch.where(columns >= 0, self._items[columns.clamp(min=0)], NO_ITEM)
        # Masked in place, then put back: a copy of all scores would cost as much as ranking them.
        own = scores.contiguous()
        hidden = own[seen]
        own[seen] = -torch.inf
        columns = top_columns(own, k, self._order)
        own[seen] = hidden
        return columns


def _check_scores(scores: Tensor, block: Tensor, num_items: int) -> None:
    if scores.shape != (len(block), num_items):
        raise ValueError(f"scores have shape {tuple(scores.shape)}, expected {(len(block), num_items)}")
    if not scores.is_floating_point():
        raise ValueError(f"scores are {scores.dtype}, expected a floating type")
    if math.isfinite(float(scores.sum())):  # one number tells that none is NaN, in a tenth of the time
        return
    num_nan = int(scores.isnan().sum())
    if num_nan:
        raise ValueError(f"{num_nan} of {scores.numel()} scores in a block of {len(block)} users are NaN")
