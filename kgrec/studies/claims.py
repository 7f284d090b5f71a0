"""Claims of a study, tested."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kgrec.evaluation.bootstrap import Estimate
from kgrec.evaluation.significance import claim_status, holm, nadeau_bengio, wilcoxon_p
from kgrec.reporting.measured import Measured
from kgrec.shapes import FloatArray
from kgrec.study import Claim, Study

Entry = dict[str, Any]


def judge_claims(study: Study, measured: Mapping[str, Measured]) -> list[Entry]:
    """Every claim of the study with its figures and its status.

    ``p`` is one-sided against the claim's bound, ``holm_p`` the same after Holm's correction over all
    claims of the study that are not informative; one that could not be estimated counts in the family with
    p = 1.

    Args:
        study: its claims in their order.
        measured: metric → values of the arms that are complete; empty = no arm is.
    """
    entries: dict[str, Entry] = {}
    for claim in study.claims:
        metric = claim.metric or study.primary
        entries[claim.name] = _entry(study, claim, metric, measured.get(metric), entries)
    family = [entries[claim.name] for claim in study.claims if not claim.informative]
    adjusted = holm([1.0 if entry["p"] is None else entry["p"] for entry in family])
    for entry, p in zip(family, adjusted, strict=True):
        entry["holm_p"] = None if entry["p"] is None else float(p)
    return list(entries.values())


def _entry(
    study: Study, claim: Claim, metric: str, measured: Measured | None, earlier: Mapping[str, Entry]
) -> Entry:
    estimate, reason = _estimate(claim, metric, measured)
    num_splits = 0 if measured is None or estimate is None else measured.num_splits(*claim.compared)
    verdict = claim_status(estimate, claim.at_least, num_splits, study.min_splits)
    status = verdict.status
    needed = earlier[claim.needs]["status"] if claim.needs else "holds"
    if needed != "holds":
        told = claim.otherwise if needed == "fails" else ""
        status, reason = "not_testable", told or reason or f"says nothing without: {claim.needs}"
    return {
        "name": claim.name,
        "status": status,
        "provisional": verdict.provisional,
        "says": reason,
        "informative": claim.informative,
        "metric": metric,
        "statistic": claim.statistic,
        "arm": claim.arm,
        "than": claim.than,
        "of": claim.of,
        "threshold": claim.at_least,
        "value": estimate.value if estimate else None,
        "low": estimate.low if estimate else None,
        "high": estimate.high if estimate else None,
        "p": estimate.p if estimate else None,
        "holm_p": None,
        **_second_opinions(study, claim, metric, measured if estimate else None),
    }


def _estimate(claim: Claim, metric: str, measured: Measured | None) -> tuple[Estimate | None, str]:
    """The claimed value, or why there is none."""
    arms: Sequence[str] = () if measured is None else measured.arms
    missing = [arm for arm in claim.compared if arm not in arms]
    if measured is None or missing:
        return None, f"no complete results of {' and '.join(missing)}"
    try:
        return measured.statistic(claim.statistic, claim.compared, metric, claim.at_least), ""
    except ValueError as error:
        return None, str(error)


def _second_opinions(study: Study, claim: Claim, metric: str, measured: Measured | None) -> Entry:
    """The interval that allows for overlapping splits, and Wilcoxon's p on users; both against the bound.

    Of a mean there is no Wilcoxon's p, as values of users are mostly 0 and by no means symmetric, nor where
    there are no values of users; of a share there is neither.
    """
    if measured is None or claim.statistic in ("share", "closed"):
        return {"nadeau_bengio": None, "wilcoxon_p": None}
    num_splits = measured.num_splits(*claim.compared)
    means = [measured.split_means(arm, metric)[:num_splits] for arm in claim.compared]
    corrected = None
    if study.test_to_train is not None and num_splits > 1:
        corrected = _corrected(claim, means, study.test_to_train)
    return {
        "nadeau_bengio": {"low": corrected.low, "high": corrected.high, "p": corrected.p}
        if corrected
        else None,
        "wilcoxon_p": _wilcoxon(claim, metric, measured, num_splits),
    }


def _corrected(claim: Claim, means: Sequence[FloatArray], test_to_train: float) -> Estimate | None:
    """Nadeau and Bengio's interval; ``None`` where a ratio has no logarithm."""
    if claim.statistic == "mean":
        return nadeau_bengio(means[0], test_to_train, claim.at_least)
    a, b = means
    if claim.statistic == "difference":
        return nadeau_bengio(a - b, test_to_train, claim.at_least)
    if (a > 0).all() and (b > 0).all() and claim.at_least > 0:
        return nadeau_bengio(np.log(a / b), test_to_train, np.log(claim.at_least)).exp()
    return None


def _wilcoxon(claim: Claim, metric: str, measured: Measured, num_splits: int) -> float | None:
    if claim.statistic == "mean" or measured.is_pooled:
        return None
    arm, than = (measured.values(name, metric)[:num_splits] for name in claim.compared)
    is_ratio = claim.statistic == "ratio"
    bound = [values * claim.at_least if is_ratio else values + claim.at_least for values in than]
    return wilcoxon_p(measured.users(*claim.compared), arm, bound)
