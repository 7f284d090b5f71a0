"""Mine all rules of up to three atoms, by products of sparse boolean matrices."""

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import sparse

from kgrec.errors import InputError
from kgrec.kg.rules.rule import Rule, reversed_path
from kgrec.kg.rules.steps import Steps
from kgrec.progress import doing
from kgrec.shapes import BoolArray, FloatArray, IntArray

_MAX_CELLS = 2**25  # cells that one block of a product may have before equal ones are joined


@dataclass(frozen=True)
class Thresholds:
    """What a rule must reach.

    Attributes:
        support: pairs for which body and head hold, ≥ 1.
        head_coverage: share of the head's pairs that the body finds, in [0, 1].
        pca_confidence: in [0, 1].

    Raises:
        InputError: a value outside its range.
    """

    support: int
    head_coverage: float
    pca_confidence: float

    def __post_init__(self) -> None:
        if self.support < 1:
            raise InputError(f"min_support: found {self.support}, expected 1 or more")
        for name in ("head_coverage", "pca_confidence"):
            share = getattr(self, name)
            if not 0 <= share <= 1:
                raise InputError(f"min_{name}: found {share}, expected a share in [0, 1]")


def mine_rules(
    steps: Steps, thresholds: Thresholds, heads: Collection[int] | None = None, likes: int | None = None
) -> list[Rule]:
    """Find every rule whose body is a path of one or two steps, of all relations in all directions.

    With ``likes`` also those of the shape ``likes(x, y) <- likes(x, z) & b1(z, w) & b2(w, y)``, where b1 and
    b2 are other relations in either direction. There z ≠ y, unlike in AMIE, which has no inequality: with
    z = y every item would be its own evidence.

    A body is left out before its product is formed where it cannot reach the thresholds: at most as many
    pairs of a head are found as start where the first step starts, or end where the last one ends.

    Args:
        steps: the graph.
        thresholds: what a rule must reach.
        heads: relations that may be the head; ``None`` = all.
        likes: the relation of the longer shape.

    Returns:
        Rules, the one with the highest PCA confidence first, then the highest support; ties by their atoms.
    """
    doing("mining rules")
    search = _Search(steps, thresholds, range(steps.num_relations) if heads is None else heads)
    rules = [rule for body in search.promising_bodies() for rule in search.rules_of(body)]
    if likes is not None:
        rules += search.rules_about(likes)
    return sorted(rules, key=lambda rule: (-rule.pca_confidence, -rule.support, rule.head, rule.body))


class _Search:
    """Counts of all heads at once: each product is gone through once, whatever the number of relations."""

    def __init__(self, steps: Steps, thresholds: Thresholds, heads: Collection[int]) -> None:
        self.steps, self.thresholds = steps, thresholds
        num = steps.num_relations
        self.sizes = np.array([matrix.nnz for matrix in steps.matrices])
        out_degree: FloatArray = np.stack([np.diff(matrix.indptr) for matrix in steps.matrices], axis=1)
        self.starts: FloatArray = (out_degree > 0).astype(np.float64)  # [N, 2R] whether the step leads on
        inverses = [steps.inverse(step) for step in range(2 * num)]
        self.ends = self.starts[:, inverses]
        is_head = np.isin(np.arange(2 * num) % num, np.array(sorted(heads), dtype=np.int64))
        shares = np.ceil(thresholds.head_coverage * self.sizes - 1e-9)
        self.needed = np.where(is_head, np.maximum(thresholds.support, shares), math.inf)
        self.bound = self.starts.T @ out_degree  # [first step, head]; of the last step, by its inverse
        self.bound_at_end = self.bound[inverses][:, inverses]
        self.meet = self.ends.T @ self.starts  # [first, second]: nodes where the two meet
        self.pairs, self.holds = _index_of_pairs(steps)
        # A relation with more tails than heads is read from its tails (Rule); a step backwards, from its end.
        heads_of, tails_of = self.starts[:, :num].sum(axis=0), self.starts[:, num:].sum(axis=0)
        forward = heads_of >= tails_of
        self.by_start: BoolArray = np.concatenate([forward, ~forward])

    def promising_bodies(self) -> Iterator[tuple[int, ...]]:
        """Bodies of one and two steps; of a path and its reverse only one."""
        num = self.steps.num_relations
        for step in range(num):
            if self._may_reach(step, step).any():
                yield (step,)
        for first in range(2 * num):
            for second in range(2 * num):
                body = (first, second)
                if body > reversed_path(body, num) or not self.meet[first, second]:
                    continue
                if self._may_reach(first, second).any():
                    yield body

    def _may_reach(self, first: int, last: int) -> BoolArray:
        most = np.minimum(self.bound[first], self.bound_at_end[last])
        reached: BoolArray = most >= self.needed
        return reached

    def rules_of(self, body: tuple[int, ...]) -> Iterator[Rule]:
        """Rules with this body, or with its reverse."""
        num = self.steps.num_relations
        second = None if len(body) == 1 else self.steps.matrices[body[1]]
        counts = _Counts(self, self.steps.matrices[body[0]], second)
        is_symmetric = reversed_path(body, num) == body
        for head in np.flatnonzero(counts.support >= self.needed).tolist():
            if body == (head,) or (is_symmetric and head >= num):
                continue
            path = body if head < num else reversed_path(body, num)
            yield from self._good_rule(head, path, counts)

    def rules_about(self, likes: int) -> Iterator[Rule]:
        """Rules of the longer shape."""
        num = self.steps.num_relations
        others = [step for step in range(2 * num) if step % num != likes]
        for first in others:
            if not self.meet[likes, first]:
                continue
            for second in others:
                most = min(self.sizes[likes], self.bound_at_end[second, likes])
                if not self.meet[first, second] or most < self.needed[likes]:
                    continue
                joined = self.steps.between_others(first, second)
                counts = _Counts(self, self.steps.matrices[likes], joined)
                yield from self._good_rule(likes, (likes, first, second), counts)

    def _good_rule(self, head: int, path: tuple[int, ...], counts: "_Counts") -> Iterator[Rule]:
        support = int(counts.support[head])
        if support < self.needed[head]:
            return
        rule = Rule(
            head=head % self.steps.num_relations,
            body=path,
            num_relations=self.steps.num_relations,
            support=support,
            head_coverage=support / int(self.sizes[head]),
            confidence=support / counts.pairs,
            pca_confidence=support / counts.pca_pairs(head),
        )
        if rule.pca_confidence >= self.thresholds.pca_confidence:
            yield rule


class _Counts:
    """What a body finds: pairs in all, pairs of each head, and how often each node starts and ends one.

    Args:
        search: the graph's tables.
        first: ``[N, N]``.
        second: ``[N, N]``, multiplied to it; ``None`` = the body is ``first`` alone.
    """

    def __init__(self, search: _Search, first: sparse.csr_array, second: sparse.csr_array | None) -> None:
        self._search = search
        size = first.shape[0]
        self.support: IntArray = np.zeros(2 * search.steps.num_relations, dtype=np.int64)
        self._starts, self._ends = np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.int64)
        for rows in _blocks(first, second):
            product = first[rows] if second is None else first[rows] @ second
            found = product.multiply(search.pairs[rows]).tocsr()
            self.support += np.asarray(search.holds[found.data - 1].sum(axis=0), dtype=np.int64).ravel()
            self._starts[rows] = np.diff(product.indptr)
            self._ends += np.bincount(product.indices, minlength=size)
        self.pairs = int(self._starts.sum())

    def pca_pairs(self, head: int) -> int:
        """Pairs of the body whose functional end has the head's relation."""
        if self._search.by_start[head]:
            return int(self._starts @ self._search.starts[:, head])
        return int(self._ends @ self._search.ends[:, head])


def _blocks(first: sparse.csr_array, second: sparse.csr_array | None) -> Iterator[slice]:
    """Row ranges whose products stay within the memory bound."""
    if second is None:
        yield slice(0, first.shape[0])
        return
    cells = first.astype(np.int64) @ np.diff(second.indptr).astype(np.int64)
    block = np.cumsum(cells) // _MAX_CELLS
    starts = [0, *(np.flatnonzero(np.diff(block)) + 1).tolist(), len(block)]
    for start, end in pairwise(starts):
        yield slice(start, end)


def _index_of_pairs(steps: Steps) -> tuple[sparse.csr_array, sparse.csr_array]:
    """``[N, N]`` a number from 1 on for each joined pair, and ``[pairs, 2R]`` which steps join it."""
    size, num_steps = steps.num_nodes, len(steps.matrices)
    found = [matrix.tocoo() for matrix in steps.matrices]
    keys = np.concatenate([cells.row.astype(np.int64) * size + cells.col for cells in found])
    which = np.repeat(np.arange(num_steps), [cells.nnz for cells in found])
    distinct, place = np.unique(keys, return_inverse=True)
    row, column = np.divmod(distinct, size)
    numbers = np.arange(1, len(distinct) + 1)
    return (
        sparse.csr_array((numbers, (row, column)), shape=(size, size)),
        sparse.csr_array(
            (np.ones(len(keys), dtype=np.int64), (place, which)), shape=(len(distinct), num_steps)
        ),
    )
