"""Claims about quality against cost: on the Pareto front, or dominated and by whom."""

from collections.abc import Sequence
from typing import Any

from kgrec.study import Front, Study

Entry = dict[str, Any]

STATISTIC = "front"


def judge_fronts(study: Study, rows: Sequence[Entry]) -> list[Entry]:
    """Every front of the study, in the form of its other claims; there is no interval and no p.

    A row dominates another where it costs no more, is no worse on the mean of the primary metric, and is
    better in one of both.

    Args:
        study: its fronts.
        rows: of the report, with their costs.
    """
    return [_entry(study, front, {row["arm"]: row for row in rows}) for front in study.fronts]


def _entry(study: Study, front: Front, rows: dict[str, Entry]) -> Entry:
    key = f"cost/{front.cost}"
    places = {
        arm: (
            (-1.0 if front.more_is_better else 1.0) * rows[arm][key],
            -rows[arm]["metrics"][study.primary]["mean"],
        )
        for arm in (front.arm, *front.among)
        if arm in rows and key in rows[arm]
    }
    missing = [arm for arm in (front.arm, *front.among) if arm not in places]
    dominating = [arm for arm in places if not missing and _dominates(places[arm], places[front.arm])]
    if missing:
        says, status = f"no complete results or costs of {' and '.join(missing)}", "not_testable"
    else:
        status = "fails" if dominating else "holds"
        says = f"dominated by {', '.join(dominating)}" if dominating else _beside(front, rows, key)
    return {
        "name": front.name,
        "status": status,
        "provisional": bool(rows) and len(next(iter(rows.values()))["seeds"]) < study.min_splits,
        "says": says,
        "informative": False,
        "metric": study.primary,
        "statistic": STATISTIC,
        "arm": front.arm,
        "than": ", ".join(front.among),
        "of": "",
        "threshold": None,
        **dict.fromkeys(("value", "low", "high", "p", "holm_p", "nadeau_bengio", "wilcoxon_p")),
    }


def _dominates(a: tuple[float, float], b: tuple[float, float]) -> bool:
    return a != b and a[0] <= b[0] and a[1] <= b[1]


def _beside(front: Front, rows: dict[str, Entry], key: str) -> str:
    """The arm's cost as a share of others'."""
    shares = [f"{rows[front.arm][key] / rows[arm][key]:.2f} × that of {arm}" for arm in front.beside]
    return f"{front.cost.replace('_', ' ')}: {', '.join(shares)}"
