"""Verdicts over splits and seeds: corrected intervals, second opinions, families of claims (design §11).

The first instrument is the paired hierarchical bootstrap of :mod:`kgrec.evaluation.bootstrap`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

from kgrec.evaluation.bootstrap import LEVEL, Bootstrap, Estimate
from kgrec.shapes import FloatArray, IntArray

__all__ = ["Bootstrap", "Estimate", "Verdict", "claim_status", "holm", "nadeau_bengio", "wilcoxon_p"]


def nadeau_bengio(values: FloatArray, test_to_train: float, threshold: float | None = None) -> Estimate:
    """Corrected resampled t interval for the mean over overlapping random splits.

    Nadeau & Bengio 2003, *Inference for the Generalization Error*, https://doi.org/10.1023/A:1024068626366
    (the corrected resampled t test): training sets of random splits overlap, so the variance of the mean is
    ``(1/J + n_test/n_train) · s²`` and not ``s²/J``; the interval is ``mean ± t_{J-1} · sqrt(variance)``.

    Args:
        values: ``[J]`` one difference (or log-ratio: take ``.exp()`` of the result) per split.
        test_to_train: ``n_test / n_train`` of the units that are split, e.g. 0.2 / 0.7 where 20 % of the
            items are test items and 70 % training items.
        threshold: give the one-sided p of "the mean is at most threshold" (on the scale of ``values``)
            in place of the two-sided p against 0.

    Raises:
        ValueError: fewer than two splits, values that are not finite, or a ratio that is not positive.
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1 or len(values) < 2 or not np.isfinite(values).all():
        raise ValueError(f"needs one finite value for each of at least two splits, got {values}")
    if not test_to_train > 0:
        raise ValueError(f"n_test / n_train must be positive, got {test_to_train}")
    mean, freedom = float(values.mean()), len(values) - 1
    error = float(np.sqrt((1 / len(values) + test_to_train) * values.var(ddof=1)))
    half = error * float(stats.t.ppf((1 + LEVEL) / 2, freedom))
    distance = mean - (0.0 if threshold is None else threshold)
    # Equal values in all splits: t is infinite, or 0 where the values equal what they are tested against.
    t = distance / error if error > 0 else float(np.copysign(np.inf, distance)) if distance else 0.0
    p = 2 * stats.t.sf(abs(t), freedom) if threshold is None else stats.t.sf(t, freedom)
    return Estimate(mean, mean - half, mean + half, float(p))


def wilcoxon_p(user_ids: Sequence[IntArray], a: Sequence[FloatArray], b: Sequence[FloatArray]) -> float:
    """Two-sided Wilcoxon signed-rank p on each user's difference ``a - b`` averaged over splits.

    Users without any difference are left out (Wilcoxon 1945, https://doi.org/10.2307/3001968); where no
    user has one, p is 1.

    Args:
        user_ids: per split ``[n_s]``; a user may occur in some splits only.
        a: per split ``[n_s]`` values of the one arm.
        b: per split ``[n_s]`` values of the other.
    """
    users = np.concatenate(user_ids)
    difference = np.concatenate(a) - np.concatenate(b)
    _, row = np.unique(users, return_inverse=True)
    means = np.bincount(row, weights=difference) / np.bincount(row)
    means = means[means != 0]
    return float(stats.wilcoxon(means).pvalue) if len(means) else 1.0


def holm(p_values: Sequence[float]) -> FloatArray:
    """Holm's step-down adjusted p values, in the order given.

    Holm 1979, https://www.jstor.org/stable/4615733: the i-th smallest of m values becomes
    ``max_{j ≤ i} min(1, (m - j + 1) · p_(j))``; rejecting where it is at most α keeps the chance of any
    false rejection in the family at most α.

    Raises:
        ValueError: a value outside ``[0, 1]``.
    """
    p = np.asarray(p_values, dtype=np.float64)
    if not np.all((p >= 0) & (p <= 1)):
        raise ValueError(f"p values must lie in [0, 1], got {p}")
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(np.minimum(1.0, p[order] * np.arange(len(p), 0, -1)))
    adjusted = np.empty_like(stepped)
    adjusted[order] = stepped
    return adjusted


@dataclass(frozen=True)
class Verdict:
    """What may be said about a claim.

    Attributes:
        status: "holds", "fails" or "not_testable".
        provisional: the status rests on too few splits for a verdict.
    """

    status: Literal["holds", "fails", "not_testable"]
    provisional: bool


def claim_status(
    estimate: Estimate | None, threshold: float, num_splits: int, min_splits: int = 10
) -> Verdict:
    """The verdict on the claim "the value is at least ``threshold``".

    The claim holds only if the lower bound of the 95 % interval lies above the threshold, and fails
    otherwise: a claim that the data cannot decide fails, and so does one between arms that are equal by
    construction. (The one-sided p that agrees with this bound is .025.) With fewer than ``min_splits``
    splits the status is provisional: it says what the figures say so far. Without an estimate the claim
    is not testable.

    Args:
        estimate: of the claimed value; ``None`` where an arm or dataset is missing.
        threshold: what the value must exceed.
        num_splits: splits (cold protocols) or seeds (warm ones) behind the estimate.
        min_splits: fewest splits for a verdict: 10 item splits, 5 seeds.
    """
    if estimate is None or not np.isfinite([estimate.value, estimate.low]).all():
        return Verdict("not_testable", provisional=False)
    return Verdict("holds" if estimate.low > threshold else "fails", provisional=num_splits < min_splits)
