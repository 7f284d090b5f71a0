"""Claims of a study, tested."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kgrec.evaluation.bootstrap import Estimate
from kgrec.evaluation.significance import claim_status, holm, nadeau_bengio, wilcoxon_p
from kgrec.studies.measured import Measured
from kgrec.study import Claim, Study

Entry = dict[str, Any]


def judge_claims(study: Study, measured: Measured | None) -> list[Entry]:
    """Every claim of the study with its figures and its status.

    ``p`` is one-sided against the claim's bound, ``holm_p`` the same after Holm's correction over all
    claims of the study that are not informative; one that could not be estimated counts in the family with
    p = 1.

    Args:
        study: its claims in their order.
        measured: the primary metric's values of the arms that are complete; ``None`` = no arm is.
    """
    entries: dict[str, Entry] = {}
    for claim in study.claims:
        entries[claim.name] = _entry(study, claim, measured, entries)
    family = [entries[claim.name] for claim in study.claims if not claim.informative]
    adjusted = holm([1.0 if entry["p"] is None else entry["p"] for entry in family])
    for entry, p in zip(family, adjusted, strict=True):
        entry["holm_p"] = None if entry["p"] is None else float(p)
    return list(entries.values())


def _entry(study: Study, claim: Claim, measured: Measured | None, earlier: Mapping[str, Entry]) -> Entry:
    estimate, reason = _estimate(study, claim, measured)
    num_splits = 0 if measured is None else len(measured.users)
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
        "statistic": claim.statistic,
        "arm": claim.arm,
        "than": claim.than,
        "threshold": claim.at_least,
        "value": estimate.value if estimate else None,
        "low": estimate.low if estimate else None,
        "high": estimate.high if estimate else None,
        "p": estimate.p if estimate else None,
        "holm_p": None,
        **_second_opinions(study, claim, measured if estimate else None),
    }


def _estimate(study: Study, claim: Claim, measured: Measured | None) -> tuple[Estimate | None, str]:
    """The claimed value, or why there is none."""
    arms: Sequence[str] = () if measured is None else measured.arms
    missing = [arm for arm in (claim.arm, claim.than) if arm not in arms]
    if measured is None or missing:
        return None, f"no complete results of {' and '.join(missing)}"
    try:
        return measured.compare(claim.statistic, claim.arm, claim.than, study.primary, claim.at_least), ""
    except ValueError as error:
        return None, str(error)


def _second_opinions(study: Study, claim: Claim, measured: Measured | None) -> Entry:
    """The interval that allows for overlapping splits, and Wilcoxon's p on users; both against the bound."""
    none = {"nadeau_bengio": None, "wilcoxon_p": None}
    if measured is None:
        return none
    arm, than = (measured.values(name, study.primary) for name in (claim.arm, claim.than))
    a, b = (measured.split_means(name, study.primary) for name in (claim.arm, claim.than))
    is_ratio = claim.statistic == "ratio"
    bound = [values * claim.at_least if is_ratio else values + claim.at_least for values in than]
    corrected = None
    if study.test_to_train is not None and len(a) > 1:
        if not is_ratio:
            corrected = nadeau_bengio(a - b, study.test_to_train, claim.at_least)
        elif (a > 0).all() and (b > 0).all() and claim.at_least > 0:
            corrected = nadeau_bengio(np.log(a / b), study.test_to_train, np.log(claim.at_least)).exp()
    return {
        "nadeau_bengio": {"low": corrected.low, "high": corrected.high, "p": corrected.p}
        if corrected
        else None,
        "wilcoxon_p": wilcoxon_p(measured.users, arm, bound),
    }
