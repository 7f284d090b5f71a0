"""The k highest scores of each row, with ties decided by the order of the columns.

``topk`` over whole rows is the slowest part of a ranking. Long rows are therefore cut into groups: the k
groups with the highest maxima hold k highest scores, and only they are looked into.
"""

import math

import torch
from torch import Tensor

NO_COLUMN = -1
"""Fills the places of a list for which no column is left."""


def top_columns(scores: Tensor, k: int, order: Tensor | None) -> Tensor:
    """Columns ``[B, k]`` of the k highest scores, best first; among equals the first in ``order`` first.

    A score of -inf is never listed: its place, like those beyond the last column, holds -1.

    Args:
        scores: ``[B, C]``, floating, no NaN.
        k: ≥ 1.
        order: ``[C]`` columns in the order in which ties are broken; ``None`` = from left to right.
    """
    width = min(k, scores.shape[1])
    values, columns = _highest(scores, min(width + 1, scores.shape[1]))
    # The two are chosen freely among equals: rows with a tie, the one across the boundary included, are
    # done again with care. Where scores are real numbers these are few.
    tied = ((values[:, 1:] == values[:, :-1]) & (values[:, 1:] > -torch.inf)).any(dim=1)
    rows = tied.nonzero().squeeze(1)
    columns = columns[:, :width].masked_fill(values[:, :width] == -torch.inf, NO_COLUMN)
    if len(rows):
        columns[rows] = _with_ties(scores[rows], width, order)
    return torch.nn.functional.pad(columns, (0, k - width), value=NO_COLUMN)


def _highest(scores: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Values and columns ``[B, k]`` as ``topk`` gives them; where a value is -inf its column says nothing.

    Group g of G holds the columns g, g + G, g + 2G … An element above the k-th highest value v lies in one
    of the groups whose maximum is above v, of which there are fewer than k; and as many groups as are taken
    besides have a maximum of v, or hold no element that counts. G balances the two searches.
    """
    num_columns = scores.shape[1]
    num_groups = math.isqrt(k * num_columns)
    depth = -(-num_columns // num_groups)
    if num_groups <= k or 2 * k * depth > num_columns:
        return scores.topk(k, dim=1)
    whole = num_columns // num_groups * num_groups
    maxima = scores[:, :whole].unflatten(1, (-1, num_groups)).amax(dim=1)
    rest = num_columns - whole
    maxima[:, :rest] = torch.maximum(maxima[:, :rest], scores[:, whole:])
    members = num_groups * torch.arange(depth, device=scores.device)
    columns = (maxima.topk(k, dim=1).indices.unsqueeze(2) + members).flatten(1)
    values = scores.gather(1, columns.clamp(max=num_columns - 1))
    values, places = values.masked_fill(columns >= num_columns, -torch.inf).topk(k, dim=1)
    return values, columns.gather(1, places)


def _with_ties(scores: Tensor, k: int, order: Tensor | None) -> Tensor:
    """:func:`top_columns` for rows in which scores are equal; ``k`` ≤ C."""
    # Adding zero turns -0.0 into 0.0: a radix select would rank the two differently.
    scores = (scores if order is None else scores.index_select(1, order)) + 0.0
    places = _leftmost(scores, k)
    if order is None:
        return places
    return torch.where(places >= 0, order[places.clamp(min=0)], NO_COLUMN)


def _leftmost(scores: Tensor, k: int) -> Tensor:
    """Columns of the k highest scores, the leftmost first among equals."""
    values, columns = scores.topk(min(k + 1, scores.shape[1]), dim=1)
    if values.shape[1] > k:
        tied = (values[:, k - 1] == values[:, k]) & (values[:, k] > -torch.inf)
        rows = tied.nonzero().squeeze(1)
        values, columns = values[:, :k], columns[:, :k].contiguous()
        if len(rows):
            columns[rows] = _mend_boundary(scores[rows], values[rows], columns[rows])
    columns = columns.sort(dim=1).values
    values = scores.gather(1, columns)
    values, order = values.sort(dim=1, descending=True, stable=True)
    return columns.gather(1, order).masked_fill(values == -torch.inf, NO_COLUMN)


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
