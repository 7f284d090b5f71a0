"""Item factors as regression targets: a truncated SVD of the normalised interactions."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import svds

from kgrec.models.selection import check_values
from kgrec.seed import numpy_generator
from kgrec.shapes import FloatArray

DENSE_BELOW = 1024
"""A matrix with a side up to this is factorised densely, so that small data with few distinct singular
values is safe too: there ARPACK starts anew from a random vector that no argument fixes. With a fixed
start it is repeatable everywhere else."""


@dataclass(frozen=True)
class Factors:
    """Y ≈ Q diag(s) Pᵀ with orthonormal columns, strongest first.

    Attributes:
        items: Q ``[I, r]``.
        strength: s ``[r]``, divided by the largest.
        users: P ``[U, r]``.
    """

    items: FloatArray
    strength: FloatArray
    users: FloatArray


@dataclass(frozen=True)
class TargetChoice:
    """How many factors count, and how much the strong ones dominate.

    Attributes:
        rank: number of factors; ``None`` = all.
        power: exponent of the singular values.
    """

    rank: int | None
    power: float

    def scale(self, strength: FloatArray) -> FloatArray:
        """``[r]`` weight of each factor in the score."""
        scale = strength**self.power
        if self.rank is not None:
            scale[self.rank :] = 0.0
        return scale


class FactorTargets:
    r"""Targets of a regression from item features, and how to read scores off its predictions.

    With X [U, I] the interactions, d_u and d_i the numbers of a user and an item:

    .. math:: Y = D_i^{-a} X^T D_u^{-c} \approx Q S P^T, \quad s_{ui} = \hat q_i^T S^p \, p_u

    where :math:`\hat q_i` is what the regression predicts for row i of Q. rank = null with p = 1 is the
    regression to the interaction matrix Y itself: it is linear in its targets. A small rank leaves out
    what features cannot predict; p > 1 leans towards the directions that most users share.

    Args:
        rank: numbers of factors to choose from; null = all (then P stands whole, ``[U, min(U, I)]``).
        power: exponents p ≥ 0 to choose from.
        user_exponent: c; 0 = every interaction counts the same, 0.5 = every user counts the same.
        item_exponent: a; 0.5 = every item counts the same.

    Raises:
        InputError: a value outside its range.
    """

    def __init__(
        self,
        rank: Sequence[int | None],
        power: Sequence[float],
        user_exponent: float,
        item_exponent: float,
    ) -> None:
        ranks = [1 if value is None else value for value in rank]  # null, all factors, is in range
        check_values("targets.rank", ranks, lowest=1, or_equal=True)
        check_values("targets.power", power, lowest=0, or_equal=True)
        self.choices = [TargetChoice(*values) for values in product(rank, power)]
        self.user_exponent = user_exponent
        self.item_exponent = item_exponent

    def num_factors(self, num_users: int, num_items: int) -> int:
        """r: the largest rank among the choices, as far as the matrix has so many."""
        full = min(num_users, num_items)
        return max(full if choice.rank is None else min(choice.rank, full) for choice in self.choices)

    def factorise(self, interactions: sp.csr_array) -> Factors:
        """Factors of ``interactions [U, I]``, as many as the largest choice needs."""
        by_user = _powers(interactions.sum(axis=1), -self.user_exponent)
        by_item = _powers(interactions.sum(axis=0), -self.item_exponent)
        targets = sp.csr_array(sp.diags_array(by_item) @ interactions.T @ sp.diags_array(by_user))
        items, strength, users = _truncated_svd(targets, self.num_factors(*interactions.shape))
        largest = strength[0] if len(strength) and strength[0] > 0 else 1.0
        return Factors(items, strength / largest, users)


def _powers(counts: FloatArray, exponent: float) -> FloatArray:
    """Counts to a power; a count of 0 gives 1, its row is empty anyway."""
    return np.maximum(counts, 1.0) ** exponent


def _truncated_svd(matrix: sp.csr_array, rank: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """``U [m, rank], s [rank], V [n, rank]``, largest first."""
    shortest = min(matrix.shape)
    if shortest <= DENSE_BELOW or rank >= shortest:
        left, strength, right = np.linalg.svd(matrix.toarray(), full_matrices=False)
        return left[:, :rank], strength[:rank], right[:rank].T
    start = numpy_generator(0, "truncated_svd").standard_normal(shortest)
    left, strength, right = svds(matrix, k=rank, v0=start)
    order = np.argsort(-strength)
    return left[:, order], strength[order], right[order].T
