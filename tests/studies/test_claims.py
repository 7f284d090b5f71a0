"""What runs measured, and claims about it, by hand."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from kgrec.errors import InputError
from kgrec.reporting.measured import Measured
from kgrec.reporting.run_folder import RunFolder
from kgrec.studies.claims import judge_claims
from kgrec.studies.page import claim_lines
from kgrec.study import Arm, Claim, Front, Study

NAN = float("nan")
ARMS = (Arm("a", ()), Arm("b", ()))


def make_study(claims: Sequence[Claim], **settings: Any) -> Study:
    given = {"arms": ARMS, "primary": "test/r@1", "metrics": ("test/r@1",), "test_to_train": 0.25, **settings}
    return Study(name="toy", question="?", common=(), claims=tuple(claims), **given)


def test_a_study_refuses_what_cannot_be_meant() -> None:
    wrong = Claim("c", "ratio", "a", "z", 1.0)
    with pytest.raises(ValueError, match="names arm 'z'"):
        make_study([wrong])
    with pytest.raises(ValueError, match="no earlier claim"):
        make_study([Claim("c", "ratio", "a", "b", 1.0, needs="d"), Claim("d", "ratio", "a", "b", 1.0)])
    with pytest.raises(ValueError, match="is not among"):
        make_study([], primary="test/r@2")
    with pytest.raises(ValueError, match=r"is a mean of \('a', 'b'\), expected 1 arms"):
        make_study([Claim("c", "mean", "a", "b", 1.0)])
    with pytest.raises(ValueError, match=r"is a closed of \('a', 'b'\), expected 3 arms"):
        make_study([Claim("c", "closed", "a", "b", 1.0)])
    with pytest.raises(ValueError, match="'z' is deployed but no arm"):
        make_study([], deployed=("z",))
    with pytest.raises(ValueError, match="front 'f' names 'b', which is not deployed"):
        make_study([], deployed=("a",), fronts=(Front("f", "a", ("b",), (), "deployed_bytes"),))
    with pytest.raises(ValueError, match=r"metric 'test/r@2' is not among"):
        make_study([Claim("c", "mean", "a", "", 1.0, metric="test/r@2")])
    with pytest.raises(ValueError, match="expected one seed or more, got 0"):
        Arm("a", (), seeds=0)
    with pytest.raises(ValueError, match="two arms of one name"):
        make_study([], arms=(*ARMS, ARMS[0]))
    for draws in ((), (("kg.draw=1",), ("kg.draw=1",))):
        with pytest.raises(ValueError, match="arm 'a': expected one draw or more, all different"):
            Arm("a", (), draws=draws)


def measured(
    folder: Path,
    a: Sequence[Sequence[float]],
    b: Sequence[Sequence[float]],
    shared_users: bool = False,
    metric: str = "test/r@1",
) -> Measured:
    """Two arms with these values of the users of each split."""
    runs: dict[str, list[RunFolder]] = {}
    for arm, splits in (("a", a), ("b", b)):
        runs[arm] = [RunFolder(folder / f"{arm}{split}") for split in range(len(splits))]
        for run, values in zip(runs[arm], splits, strict=True):
            users = [f"u{user}" for user in range(len(values))]
            run.write_per_user(pl.DataFrame({"user": users, metric: np.array(values)}))
    return Measured({arm: [[run] for run in row] for arm, row in runs.items()}, [metric], shared_users)


def test_draws_are_averaged_user_by_user(tmp_path: Path) -> None:
    measured(tmp_path, [[0.2, NAN, 0.4], [0.0, 1.0, NAN]], [[0.6, NAN, 0.0], [1.0, 1.0, NAN]])
    splits = [[RunFolder(tmp_path / f"{draw}{split}") for draw in "ab"] for split in range(2)]
    mean = Measured({"drawn": splits, "b": [draws[1:] for draws in splits]}, ["test/r@1"], False)
    assert [values.tolist() for values in mean.values("drawn", "test/r@1")] == [
        pytest.approx([0.4, 0.2]), pytest.approx([0.5, 1.0]),
    ]  # fmt: skip
    assert mean.statistic("difference", ("drawn", "b"), "test/r@1", 0.0).value == pytest.approx(-0.125)
    splits[0][1].write_per_user(pl.DataFrame({"user": ["u0"], "test/r@1": [0.5]}))
    with pytest.raises(InputError, match="other users"):
        Measured({"drawn": splits[:1]}, ["test/r@1"], False)


def test_claims_by_hand(tmp_path: Path) -> None:
    # All users alike: the interval is a point. a = .6, b = .4: difference .2, ratio 1.5.
    values = measured(tmp_path, [[0.6, NAN, 0.6]] * 3, [[0.4, NAN, 0.4]] * 3)
    claims = [
        Claim("gap", "difference", "a", "b", 0.0),
        Claim("1.4", "ratio", "a", "b", 1.4),
        Claim("reversed", "difference", "b", "a", 0.0, informative=True),
        Claim("after the gap", "ratio", "a", "b", 1.6, needs="gap"),
    ]
    entries = judge_claims(make_study(claims, min_splits=3), {"test/r@1": values})
    assert [entry["status"] for entry in entries] == ["holds", "holds", "fails", "fails"]
    assert [entry["value"] for entry in entries] == pytest.approx([0.2, 1.5, -0.2, 1.5])
    assert [entry["low"] for entry in entries] == pytest.approx([0.2, 1.5, -0.2, 1.5])
    assert not any(entry["provisional"] for entry in entries)
    smallest = 1 / 10_001  # the bootstrap's p is never below one draw
    assert [entry["p"] for entry in entries] == pytest.approx([smallest, smallest, 1.0, 1.0])
    assert [entry["holm_p"] for entry in entries] == [
        pytest.approx(3 * smallest), pytest.approx(3 * smallest), None, 1.0,
    ]  # fmt: skip
    assert entries[0]["nadeau_bengio"]["low"] == pytest.approx(0.2)
    assert entries[1]["nadeau_bengio"]["high"] == pytest.approx(1.5)
    assert entries[0]["wilcoxon_p"] == 0.5  # two users, both above: 2 / 2²


def test_the_share_of_a_gap_that_is_closed(tmp_path: Path) -> None:
    """From b = .2 to c = .6, a = .5 closes three quarters; of no gap there is no share."""
    levels = {"a": 0.5, "b": 0.2, "c": 0.6}
    runs = {}
    for arm, level in levels.items():
        runs[arm] = [[RunFolder(tmp_path / f"{arm}{split}")] for split in range(2)]
        for (run,) in runs[arm]:
            run.write_per_user(pl.DataFrame({"user": ["u0", "u1"], "test/r@1": [level, level]}))
    arms = tuple(Arm(name, ()) for name in levels)
    claims = [
        Claim("closed", "closed", "a", "b", 0.7, of="c"),
        Claim("no gap", "closed", "a", "b", 0.7, of="b", informative=True),
    ]
    measured = {"test/r@1": Measured(runs, ["test/r@1"], shared_users=False)}
    share, nothing = judge_claims(make_study(claims, arms=arms, min_splits=2), measured)
    assert (share["value"], share["status"]) == (pytest.approx(0.75), "holds")
    assert nothing["status"] == "not_testable"
    assert "closed by a" in next(claim_lines({"claims": [share]}))


def test_a_claim_says_why_it_is_not_testable(tmp_path: Path) -> None:
    values = measured(tmp_path, [[0.5, 0.5]], [[0.5, 0.5]])
    claims = [
        Claim("gap", "difference", "a", "b", 0.0),
        Claim("parity", "ratio", "a", "b", 0.98, needs="gap", otherwise="graph gain, no size gap here"),
    ]
    report = {"claims": judge_claims(make_study(claims), {"test/r@1": values})}
    lines = list(claim_lines(report))
    assert lines[0].startswith("fails (provisional): gap")
    assert lines[1].startswith("not_testable: parity")
    assert lines[1].endswith("graph gain, no size gap here")
    assert report["claims"][1]["value"] == 1.0  # the figure is given all the same
    zero_values = {"test/r@1": measured(tmp_path, [[1.0]], [[0.0]])}
    zero = judge_claims(make_study([Claim("c", "ratio", "a", "b", 1.0)]), zero_values)
    assert (zero[0]["status"], zero[0]["p"], zero[0]["holm_p"]) == ("not_testable", None, None)
    assert "not finite" in zero[0]["says"]
    for entry in judge_claims(make_study(claims), {}):
        assert entry["status"] == "not_testable"
        assert entry["says"] == "no complete results of a and b"


def test_arms_must_have_ranked_the_same_users(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="other users"):
        measured(tmp_path, [[0.5, 0.5]], [[0.5, NAN]])
    with pytest.raises(InputError, match="other users"):
        measured(tmp_path, [[0.5, 0.5]], [[0.5]])
    measured(tmp_path, [[0.5]], [[0.5]])
    with pytest.raises(InputError, match="has no values of test/r@2"):
        Measured({"a": [[RunFolder(tmp_path / "a0")]]}, ["test/r@2"], shared_users=False)


def test_a_claim_on_a_mean_stands_against_a_constant(tmp_path: Path) -> None:
    values = {"test/r@1": measured(tmp_path, [[0.6, NAN, 0.6]] * 5, [[0.4, NAN, 0.4]] * 5)}
    claims = [
        Claim("a is past .5", "mean", "a", "", 0.5),
        Claim("b is past .5", "mean", "b", "", 0.5),
    ]
    entries = judge_claims(make_study(claims, min_splits=5), values)
    assert [entry["status"] for entry in entries] == ["holds", "fails"]
    assert [entry["value"] for entry in entries] == pytest.approx([0.6, 0.4])
    assert [entry["p"] for entry in entries] == pytest.approx([1 / 10_001, 1.0])
    assert entries[0]["wilcoxon_p"] is None
    assert entries[0]["nadeau_bengio"]["low"] == pytest.approx(0.6)
    line = next(claim_lines({"claims": entries}))
    assert line == "holds: a is past .5 | mean of a = 0.600 [0.600, 0.600], must exceed 0.5"


def test_a_claim_may_be_on_another_metric_than_the_primary_one(tmp_path: Path) -> None:
    first = measured(tmp_path / "r", [[0.5]], [[0.4]])
    second = measured(tmp_path / "s", [[0.1]], [[0.4]], metric="test/s@1")
    claims = [
        Claim("r", "difference", "a", "b", 0.0),
        Claim("s", "difference", "a", "b", 0.0, metric="test/s@1"),
    ]
    study = make_study(claims, metrics=("test/r@1", "test/s@1"))
    entries = judge_claims(study, {"test/r@1": first, "test/s@1": second})
    assert [(entry["metric"], entry["value"]) for entry in entries] == [
        ("test/r@1", pytest.approx(0.1)), ("test/s@1", pytest.approx(-0.3)),
    ]  # fmt: skip
    assert [claim.metric for claim in study.on_validation().claims] == ["", "valid/s@1"]


def test_an_arm_with_fewer_seeds_is_compared_on_those_that_both_have(tmp_path: Path) -> None:
    values = measured(tmp_path, [[0.2, 0.4], [0.9, 0.9], [0.9, 0.9]], [[0.1, 0.1]], shared_users=True)
    assert (values.num_splits("a"), values.num_splits("a", "b")) == (3, 1)
    assert values.mean("a", "test/r@1").value == pytest.approx(0.7)
    assert values.mean("b", "test/r@1").value == pytest.approx(0.1)
    assert values.split_means("a", "test/r@1").tolist() == pytest.approx([0.3, 0.9, 0.9])
    assert values.statistic("difference", ("a", "b"), "test/r@1", 0.0).value == pytest.approx(0.2)
    claim = Claim("gap", "difference", "a", "b", 0.0)
    (entry,) = judge_claims(make_study([claim], min_splits=3), {"test/r@1": values})
    assert entry["provisional"]
    assert entry["value"] == pytest.approx(0.2)
    assert entry["wilcoxon_p"] == 0.5
    assert entry["nadeau_bengio"] is None


def test_fewer_seeds_leave_the_intervals_of_the_other_arms_alone(tmp_path: Path) -> None:
    a = [[0.2, 0.4, 0.7], [0.9, 0.1, 0.3]]
    whole = measured(tmp_path / "whole", a, [[0.1, 0.2, 0.3], [0.2, 0.2, 0.2]], shared_users=True)
    part = measured(tmp_path / "part", a, [[0.1, 0.2, 0.3]], shared_users=True)
    assert part.mean("a", "test/r@1") == whole.mean("a", "test/r@1")


def test_a_metric_without_values_of_users_counts_once_per_split(tmp_path: Path) -> None:
    runs = {}
    for arm, figures in (("a", [0.7, 0.9]), ("b", [0.6, 0.6])):
        runs[arm] = [[RunFolder(tmp_path / f"{arm}{split}")] for split in range(2)]
        for (run,), figure in zip(runs[arm], figures, strict=True):
            run.write_per_user(pl.DataFrame({"user": ["u0", "u1"], "test/user/auc": [0.5, NAN]}))
            run.write_summary({"test/auc": figure, "test/f1": 0.5})
    values = Measured(runs, ["test/auc", "test/f1"], shared_users=False)
    estimate = values.mean("a", "test/auc")
    assert (estimate.value, estimate.low, estimate.high) == pytest.approx((0.8, 0.7, 0.9))
    study = make_study([Claim("c", "difference", "a", "b", 0.0)], primary="test/auc", metrics=("test/auc",))
    (entry,) = judge_claims(study, {"test/auc": values})
    assert (entry["value"], entry["wilcoxon_p"]) == (pytest.approx(0.2), None)
    assert entry["nadeau_bengio"]["low"] < 0.2
    with pytest.raises(InputError, match="has no values of test/log_loss"):
        Measured(runs, ["test/log_loss"], shared_users=False)
