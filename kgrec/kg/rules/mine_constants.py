"""Mine rules of up to three atoms, some of which are about a frequent constant."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from kgrec.kg.rules.constant_rule import Atom, ConstantRule
from kgrec.kg.rules.mine import Thresholds
from kgrec.kg.rules.steps import Steps
from kgrec.shapes import IntArray


def mine_constant_rules(
    steps: Steps, thresholds: Thresholds, heads: Collection[int] | None = None, likes: int | None = None
) -> list[ConstantRule]:
    """Find every rule of these shapes, with relations in either direction and D, C constants.

    ``h(x, y) <- b(x, y) & r(x, D)``, or with ``r(y, D)``: a rule that holds for some alone.
    ``h(x, C) <- r(x, D)``: who has one, has the other.
    ``h(x, C) <- p(x, z) & r(z, D)``: who is joined to something that has one, has the other.

    They are `AMIE's <https://doi.org/10.1145/2488388.2488425>`_ instantiated atoms (Galárraga et al., WWW
    2013, §5). An atom ``r(v, D)`` is tried where as many v have it as the support asks for. A rule is
    reported only where its atoms with constants make it surer: the PCA confidence is above that of ``h(x, y)
    <- b(x, y)``, or above the share of C among those that know some y' with h(x, y').

    No conclusion is its own evidence: h(x, D) is no condition of h(x, y), nor h(D, y); and where p is the
    head's relation in its direction, z ≠ C, unlike in AMIE, which has no inequality.

    Args:
        steps: the graph.
        thresholds: what a rule must reach; the head's pairs of ``head_coverage`` are those of its variables.
        heads: relations that may be the head; ``None`` = all.
        likes: relation of users with items; no user is a constant then.

    Returns:
        Rules, the one with the highest PCA confidence first, then the highest support; ties by their atoms.
    """
    wanted = set(range(steps.num_relations) if heads is None else heads)
    conditions = _Conditions.frequent(steps, thresholds.support, likes)
    if len(conditions.steps) == 0:
        return []
    rules = [*_of_some(steps, thresholds, conditions, wanted)]
    rules += _of_heads(steps, thresholds, conditions, wanted)
    return sorted(
        rules, key=lambda rule: (-rule.pca_confidence, -rule.support, str(rule.head), str(rule.body))
    )


@dataclass(frozen=True)
class _Conditions:
    """Atoms r(v, D) that enough nodes v have.

    Attributes:
        steps: ``[C]`` step from v to D.
        constants: ``[C]`` D.
        holds: ``[N, C]`` of 0 and 1.
    """

    steps: IntArray
    constants: IntArray
    holds: sparse.csr_array

    @classmethod
    def frequent(cls, steps: Steps, support: int, likes: int | None) -> "_Conditions":
        walked = [
            step for step in range(2 * steps.num_relations) if likes is None or step != steps.inverse(likes)
        ]
        constants = [
            np.flatnonzero(np.bincount(steps.matrices[step].indices, minlength=steps.num_nodes) >= support)
            for step in walked
        ]
        columns = [
            steps.matrices[step].astype(np.int64)[:, found]
            for step, found in zip(walked, constants, strict=True)
        ]
        return cls(
            np.repeat(walked, [len(found) for found in constants]),
            np.concatenate(constants),
            sparse.hstack(columns, format="csr"),
        )

    def atom(self, number: int, variable: str, num_relations: int) -> Atom:
        """The condition on a variable."""
        return Atom.of_step(int(self.steps[number]), variable, int(self.constants[number]), num_relations)

    def count(self, per_node: IntArray) -> IntArray:
        """``[C]``: sum of ``per_node [N]`` over those for whom each condition holds."""
        total: IntArray = self.holds.T @ per_node
        return total


def _of_some(
    steps: Steps, thresholds: Thresholds, conditions: _Conditions, heads: Collection[int]
) -> Iterator[ConstantRule]:
    """``h(x, y) <- b(x, y)`` with a condition on x or on y."""
    num = steps.num_relations
    for head in heads:
        size = steps.matrices[head].nnz
        needed = max(thresholds.support, np.ceil(thresholds.head_coverage * size - 1e-9))
        starts, ends = (np.diff(steps.matrices[step].indptr) > 0 for step in (head, head + num))
        by_start = starts.sum() >= ends.sum()
        for body in range(2 * num):
            found = steps.matrices[body].astype(np.int64)
            both = found.multiply(steps.matrices[head]).tocsr()
            if body == head or both.nnz < needed:
                continue
            known = found.multiply(starts[:, None] if by_start else ends[None, :]).tocsr()
            known.eliminate_zeros()
            for axis, variable in ((1, "x"), (0, "y")):
                support, pairs, asked = (
                    conditions.count(np.asarray(counted.sum(axis=axis)).ravel())
                    for counted in (both, found, known)
                )
                itself = head if variable == "x" else head + num
                # Whole numbers are compared, as quotients that are the same may differ in their last digit.
                is_good = (support * known.nnz > both.nnz * asked) & (conditions.steps != itself)
                for number in np.flatnonzero(is_good & (support >= needed)).tolist():
                    rule = ConstantRule(
                        Atom(head, "x", "y"),
                        (Atom.of_step(body, "x", "y", num), conditions.atom(number, variable, num)),
                        int(support[number]),
                        *_shares(support[number], size, pairs[number], asked[number]),
                    )
                    if rule.pca_confidence >= thresholds.pca_confidence:
                        yield rule


def _of_heads(
    steps: Steps, thresholds: Thresholds, conditions: _Conditions, heads: Collection[int]
) -> Iterator[ConstantRule]:
    """``h(x, C) <- r(x, D)`` and ``h(x, C) <- p(x, z) & r(z, D)``; h(C, x) where the head's step says so."""
    num = steps.num_relations
    holds = conditions.holds
    knows = np.stack([np.diff(matrix.indptr) > 0 for matrix in steps.matrices], axis=1).astype(np.int64)
    head_sizes = np.asarray(holds.sum(axis=0)).ravel()
    everyone = knows.sum(axis=0)[conditions.steps]
    needed = np.maximum(thresholds.support, np.ceil(thresholds.head_coverage * head_sizes - 1e-9))
    is_head = np.isin(conditions.steps % num, list(heads))
    for path in (None, *range(2 * num)):
        times = holds if path is None else (steps.matrices[path].astype(np.int64) @ holds).tocsr()
        found = (times > 0).astype(np.int64)
        support = (holds.T @ found).tocoo()  # [head's condition, body's condition]
        rows = is_head[support.row] & (support.data >= needed[support.row])
        head, body, support = support.row[rows], support.col[rows], support.data[rows]
        alone = np.zeros(len(head), dtype=np.int64)
        if path is None:
            support = np.where(head == body, 0, support)
        else:
            alone = _by_itself_alone(conditions, times, path, head, body)
            support = support - alone
        pairs = np.asarray(found.sum(axis=0)).ravel()[body] - alone
        asked = (found.T @ knows)[body, conditions.steps[head]] - alone
        is_good = (support >= needed[head]) & (support * everyone[head] > head_sizes[head] * asked)
        for k in np.flatnonzero(is_good).tolist():
            last = conditions.atom(int(body[k]), "x" if path is None else "z", num)
            rule = ConstantRule(
                conditions.atom(int(head[k]), "x", num),
                (last,) if path is None else (Atom.of_step(path, "x", "z", num), last),
                int(support[k]),
                *_shares(support[k], head_sizes[head[k]], pairs[k], asked[k]),
            )
            if rule.pca_confidence >= thresholds.pca_confidence:
                yield rule


def _by_itself_alone(
    conditions: _Conditions, times: sparse.csr_array, path: int, head: IntArray, body: IntArray
) -> IntArray:
    """``[n]``: how many x have C and reach D by z = C alone, for heads that the path walks to; else 0."""
    alone = np.zeros(len(head), dtype=np.int64)
    is_same = conditions.steps[head] == path
    if is_same.any():
        cells = head[is_same], body[is_same]
        counts = (conditions.holds.T @ (times == 1).astype(np.int64)).tocsr()
        meets = conditions.holds[conditions.constants]  # [C, C]: whether a constant meets a condition
        alone[is_same] = counts[cells] * meets[cells]
    return alone


def _shares(support: int, size: int, pairs: int, asked: int) -> tuple[float, float, float]:
    """Head coverage, confidence, PCA confidence."""
    return float(support / size), float(support / pairs), float(support / asked)
