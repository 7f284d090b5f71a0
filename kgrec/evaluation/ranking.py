"""Scores to top-K lists: seen items masked, candidates restricted, ties broken by a fixed order.

Users are scored in blocks, so users × items never stands whole in memory, and each block is scored once
however many candidate sets are asked for. The K best are found by ``topk`` and only rows with a tie at the
boundary are repaired; no row is sorted whole.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from kgrec.shapes import BoolArray, IntArray, Pairs

ScoreFunction: TypeAlias = Callable[[Tensor], Tensor]
"""User ids ``[B]`` int64 → scores ``[B, I]``, floating, higher is better; -inf = never recommend."""

NO_ITEM = -1
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
    if k < 1 or block_size < 1:
        raise ValueError(f"k and block_size must be at least 1, got {k} and {block_size}")
    sets = [_Columns(candidates, tie_break, user_ids, seen, device) for candidates in candidate_sets]
    lists = [torch.full((len(user_ids), k), NO_ITEM, dtype=torch.int64) for _ in sets]
    users = torch.from_numpy(np.asarray(user_ids, dtype=np.int64)).to(device)
    for start in range(0, len(user_ids), block_size):
        block = users[start : start + block_size]
        with torch.no_grad():
            scores = score(block)
        _check_scores(scores, block, len(tie_break))
        for columns, top in zip(sets, lists, strict=True):
            top[start : start + len(block)] = columns.top(scores, start, k).cpu()
    return lists


def judge(items: Tensor, user_ids: IntArray, relevant: Pairs) -> Ranking:
    """Mark the relevant items of top-K lists.

    Args:
        items: ``[U, K]`` item ids, -1 for empty places.
        user_ids: ``[U]`` distinct ids.
        relevant: ``[n, 2]`` user, item; a pair given twice counts once, pairs of other users are ignored.
    """
    users, listed = np.asarray(user_ids, dtype=np.int64), items.numpy()
    stride = 1 + int(max(listed.max(initial=0), relevant[:, 1].max(initial=0)))
    relevant_keys = np.unique(relevant[:, 0] * stride + relevant[:, 1])
    hits = np.isin(users[:, None] * stride + listed, relevant_keys) & (listed != NO_ITEM)
    per_user = np.bincount(relevant_keys // stride, minlength=int(users.max(initial=0)) + 1)
    return Ranking(
        items=items,
        hits=torch.from_numpy(hits),
        num_relevant=torch.from_numpy(per_user[users].astype(np.int64)),
        user_ids=torch.from_numpy(users),
    )


class _Columns:
    """One candidate set: its items in tie-break order, and the seen pairs that fall on them.

    The columns stand in tie-break order, so "of equal scores the lower rank wins" becomes "of equal scores
    the leftmost column wins".
    """

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
        column_of_item = np.full(len(tie_break), -1, dtype=np.int64)
        column_of_item[items] = np.arange(len(items))
        highest_id = max(np.max(user_ids, initial=-1), seen[:, 0].max(initial=-1))
        row_of_user = np.full(int(highest_id) + 1, -1, dtype=np.int64)
        row_of_user[user_ids] = np.arange(len(user_ids))
        rows, columns = row_of_user[seen[:, 0]], column_of_item[seen[:, 1]]
        kept = np.flatnonzero((rows >= 0) & (columns >= 0))
        kept = kept[np.argsort(rows[kept], kind="stable")]
        self._sorted_rows = rows[kept]
        self._items = torch.from_numpy(items).to(device)
        self._seen_rows = torch.from_numpy(rows[kept]).to(device)
        self._seen_columns = torch.from_numpy(columns[kept]).to(device)

    def top(self, scores: Tensor, start: int, k: int) -> Tensor:
        """Top-K item ids ``[B, K]`` of the users whose rows begin at ``start``."""
        # Adding zero turns -0.0 into 0.0: a radix select would rank the two differently.
        own = scores.index_select(1, self._items.to(scores.device)) + 0.0
        first, last = np.searchsorted(self._sorted_rows, [start, start + len(scores)])
        own[self._seen_rows[first:last] - start, self._seen_columns[first:last]] = -torch.inf
        columns = _leftmost_topk(own, k)
        return torch.where(columns >= 0, self._items[columns.clamp(min=0)], NO_ITEM)


def _check_scores(scores: Tensor, block: Tensor, num_items: int) -> None:
    if scores.shape != (len(block), num_items):
        raise ValueError(f"scores have shape {tuple(scores.shape)}, expected {(len(block), num_items)}")
    if not scores.is_floating_point():
        raise ValueError(f"scores are {scores.dtype}, expected a floating type")
    num_nan = int(scores.isnan().sum())
    if num_nan:
        raise ValueError(f"{num_nan} of {scores.numel()} scores in a block of {len(block)} users are NaN")


def _leftmost_topk(scores: Tensor, k: int) -> Tensor:
    """Columns ``[B, k]`` of the k highest scores, best first, the leftmost first among equals.

    A score of -inf is never listed: its place, like those beyond the last column, holds -1.
    """
    width = min(k, scores.shape[1])
    values, columns = scores.topk(min(width + 1, scores.shape[1]), dim=1)
    if values.shape[1] > width:  # torch.topk chooses freely among equals: mend rows tied at the boundary
        tied = (values[:, width - 1] == values[:, width]) & (values[:, width] > -torch.inf)
        rows = tied.nonzero().squeeze(1)
        values, columns = values[:, :width], columns[:, :width].contiguous()
        if len(rows):
            columns[rows] = _mend_boundary(scores[rows], values[rows], columns[rows])
    columns = columns.sort(dim=1).values
    values = scores.gather(1, columns)
    values, order = values.sort(dim=1, descending=True, stable=True)
    columns = columns.gather(1, order).masked_fill(values == -torch.inf, -1)
    return torch.nn.functional.pad(columns, (0, k - width), value=-1)


def _mend_boundary(scores: Tensor, values: Tensor, columns: Tensor) -> Tensor:
    """Replace the columns that hold the lowest listed score by the leftmost columns of that score.

    Args:
        scores: ``[B, C]``.
        values: ``[B, k]`` as ``topk`` gave them, descending.
        columns: ``[B, k]`` their columns.
    """
    num_columns, width = scores.shape[1], columns.shape[1]
    lowest = values[:, -1:]
    positions = torch.arange(num_columns, device=scores.device)
    leftmost = torch.where(scores == lowest, positions, num_columns).topk(width, largest=False).values
    place = torch.arange(width, device=scores.device) - (values > lowest).sum(dim=1, keepdim=True)
    return torch.where(place >= 0, leftmost.gather(1, place.clamp(min=0)), columns)
