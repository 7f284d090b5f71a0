"""Figures held against those that were kept or published, and what ``--list`` says of each study."""

import json
from pathlib import Path
from typing import Any

import pytest

from kgrec.commands.reproduce import main
from kgrec.errors import InputError
from kgrec.studies.checking import check_figures, figures_that_left
from kgrec.studies.files import experiments_dir
from kgrec.studies.listing import listing
from kgrec.studies.results import kept_rows, read_reports

FOLDER = experiments_dir(None)
METRIC = "test/recall@10"
PUBLISHED = {"paper": "Me, A Model, 2020", "figures": {METRIC: 0.5}, "tolerance": 0.1}


def make_report(values: list[float], **row: Any) -> dict[str, Any]:
    """A report of one arm with a value for each seed."""
    return {
        "study": "mine",
        "date": "2026-01-02",
        "rows": [
            {
                "arm": "a",
                "dataset": "d",
                "settings": ["data=d", "experiment=x"],
                "seeds": list(range(len(values))),
                "metrics": {METRIC: {"mean": sum(values) / len(values), "per_seed": values}},
                "published": None,
                "runs": ["r"] * len(values),
            }
            | row
        ],
    }


def check(now: dict[str, Any], *kept: dict[str, Any]) -> list[tuple[float, str, bool]]:
    figures = check_figures(now, list(kept_rows(kept)))
    return [(figure.expected, figure.against, figure.stands) for figure in figures]


def test_a_figure_is_held_against_the_kept_one_on_the_seeds_that_both_have() -> None:
    assert check(make_report([0.4]), make_report([0.4, 0.9])) == [(0.4, "kept 2026-01-02", True)]
    assert check(make_report([0.4, 0.5]), make_report([0.4])) == [(0.4, "kept 2026-01-02", True)]


@pytest.mark.parametrize(
    ("value", "stands"), [(0.42, True), (0.38, True), (0.421, False), (0.379, False), (float("nan"), False)]
)
def test_a_figure_may_move_by_its_tolerance(value: float, stands: bool) -> None:
    assert check(make_report([value]), make_report([0.4])) == [(0.4, "kept 2026-01-02", stands)]
    left = figures_that_left(check_figures(make_report([value]), list(kept_rows([make_report([0.4])]))))
    assert len(left.rows) == int(not stands)


def test_a_figure_near_zero_may_move_by_a_thousandth() -> None:
    assert [stands for _, _, stands in check(make_report([0.0009]), make_report([0.0]))] == [True]
    assert [stands for _, _, stands in check(make_report([0.0011]), make_report([0.0]))] == [False]


def test_without_a_kept_figure_the_published_one_counts() -> None:
    now = make_report([0.54], published=PUBLISHED)
    assert check(now) == [(0.5, "published", True)]
    assert check(make_report([0.56], published=PUBLISHED)) == [(0.5, "published", False)]
    assert check(now, make_report([0.5], settings=["experiment=other"])) == [(0.5, "published", True)]
    assert check(now, make_report([0.6], published=PUBLISHED)) == [(0.6, "kept 2026-01-02", True)]


def test_a_reproduction_alone_is_held_against_its_row_in_a_table() -> None:
    now = {**make_report([0.4], settings=["experiment=x"], published=PUBLISHED), "study": "alone"}
    assert check(now, make_report([0.4], published=PUBLISHED)) == [(0.4, "kept 2026-01-02", True)]
    assert check({**now, "study": "other"}, make_report([0.4])) == [(0.5, "published", False)]


def test_other_settings_of_the_same_arm_are_no_measure() -> None:
    assert check(make_report([0.4]), make_report([0.4], settings=["data=d"])) == []
    assert check(make_report([0.4]), make_report([0.4], dataset="e")) == []


def test_reports_are_read_newest_first_and_a_broken_one_is_named(tmp_path: Path) -> None:
    for number, date in enumerate(("2026-01-01", "2026-03-01", "2026-02-01")):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "report.json").write_text(
            json.dumps({**make_report([0.1]), "date": date, "study": date})
        )
    assert [report["study"] for report in read_reports(tmp_path, tmp_path / "none")] == [
        "2026-03-01", "2026-02-01", "2026-01-01",
    ]  # fmt: skip
    (tmp_path / "0" / "report.json").write_text("{}")
    with pytest.raises(InputError, match=r"0/report\.json: found no report of a study"):
        read_reports(tmp_path)


def test_the_list_tells_paper_dataset_figures_date_and_cost(tmp_path: Path) -> None:
    lines = {line.split(" ")[0]: line for line in listing(FOLDER, tmp_path).splitlines() if line}
    kept = next(
        row
        for report in read_reports(FOLDER / "results")
        for row in report["rows"]
        if row["arm"] == "kgat" and row["dataset"] == "lastfm"
    )
    kgat = lines["wang2019-kgat-lastfm"]
    for words in ("Wang et al., KDD 2019", " lastfm ", "recall@10 0.2583", "training, 1 runs"):
        assert words in kgat
    assert f"recall@10 {kept['metrics'][METRIC]['mean']:.4f}" in kgat
    unmeasured = lines["wang2021-kgin-alibaba-ifashion"]
    assert "alibaba-ifashion  recall@20 0.1147" in unmeasured
    assert unmeasured.rstrip().endswith("–")
    assert " of 7 " in lines["table-lastfm"]


def test_the_list_counts_what_was_run_since(tmp_path: Path) -> None:
    claims = [{"status": status, "informative": False} for status in ("holds", "fails")]
    report = {**make_report([0.1]), "study": "check-planted", "date": "2999-01-01", "claims": claims}
    (tmp_path / "check-planted").mkdir()
    (tmp_path / "check-planted" / "report.json").write_text(json.dumps(report))
    (line,) = [line for line in listing(FOLDER, tmp_path).splitlines() if line.startswith("check-planted")]
    assert "1 of 2" in line
    assert "2999-01-01" in line


def test_the_figures_of_planted_preferences_stand(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ["check-planted", "--check", "--seeds", "1", "--workers", "1", "logger=none"]
    arguments += [f"paths.{name}={tmp_path / name}" for name in ("runs", "cache")]
    assert main(arguments) == 0
    assert "check: 3 of 3 claims hold, 28 of 28 figures stand" in capsys.readouterr().out
    moved = next(iter((tmp_path / "runs" / "check-planted").glob("planted_ridge_*/per_user.parquet")))
    others = next(iter((tmp_path / "runs" / "check-planted").glob("planted_popularity_*/per_user.parquet")))
    moved.write_bytes(others.read_bytes())  # as if the ridge had become popularity
    assert main(arguments) == 1
    shown = capsys.readouterr().out
    assert "24 of 28 figures stand" in shown
    assert [line for line in shown.splitlines() if line.startswith("ridge  test/cold/recall@10")]
