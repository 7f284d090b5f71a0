"""Fronts by hand: who dominates whom."""

from typing import Any

import pytest

from kgrec.studies.fronts import judge_fronts
from kgrec.study import Arm, Front, Study

NAMES = ("small", "large", "other")
CHEAP = Front("on the front of bytes", "small", ("large", "other"), ("large",), "deployed_bytes")
FAST = Front("on the front of rate", "small", ("large",), (), "new_items_per_s", more_is_better=True)


def study(*fronts: Front) -> Study:
    return Study(
        name="toy",
        question="?",
        common=(),
        arms=tuple(Arm(name, ()) for name in NAMES),
        claims=(),
        primary="test/r@1",
        metrics=("test/r@1",),
        min_splits=2,
        deployed=NAMES,
        fronts=fronts,
    )


def row(arm: str, quality: float, **costs: float) -> dict[str, Any]:
    stated = {f"cost/{key}": value for key, value in costs.items()}
    return {"arm": arm, "seeds": [0, 1], "metrics": {"test/r@1": {"mean": quality}}, **stated}


def judged(front: Front, *rows: dict[str, Any]) -> dict[str, Any]:
    (entry,) = judge_fronts(study(front), rows)
    return entry


def test_an_arm_that_is_cheaper_than_all_lies_on_the_front() -> None:
    rows = [row("small", 0.3, deployed_bytes=10.0), row("other", 0.1, deployed_bytes=20.0)]
    entry = judged(CHEAP, *rows, row("large", 0.5, deployed_bytes=40.0))
    assert entry["status"] == "holds"
    assert entry["says"] == "deployed bytes: 0.25 × that of large"
    assert not entry["provisional"]


@pytest.mark.parametrize("cost", [10.0, 9.0])
def test_an_arm_beaten_on_both_sides_does_not(cost: float) -> None:
    entry = judged(
        CHEAP,
        row("small", 0.3, deployed_bytes=10.0),
        row("large", 0.2, deployed_bytes=40.0),
        row("other", 0.4, deployed_bytes=cost),
    )
    assert (entry["status"], entry["says"]) == ("fails", "dominated by other")


def test_of_a_rate_more_is_better() -> None:
    rows = row("small", 0.3, new_items_per_s=10.0), row("large", 0.3, new_items_per_s=40.0)
    assert judged(FAST, *rows)["status"] == "fails"
    assert judged(FAST, rows[0], row("large", 0.3, new_items_per_s=5.0))["status"] == "holds"


def test_equals_do_not_dominate_each_other() -> None:
    rows = [row(name, 0.3, deployed_bytes=10.0) for name in NAMES]
    assert judged(CHEAP, *rows)["status"] == "holds"


def test_without_costs_nothing_is_said() -> None:
    rows = [row("small", 0.3, deployed_bytes=10.0), row("large", 0.5), row("other", 0.5, deployed_bytes=9.0)]
    entry = judged(CHEAP, *rows)
    assert (entry["status"], entry["says"]) == ("not_testable", "no complete results or costs of large")
