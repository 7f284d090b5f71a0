"""Studies: their files, a tiny one run to its report, claims by hand."""

import io
import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from kgrec.commands.reproduce import main
from kgrec.errors import InputError
from kgrec.reporting.run_folder import RunFolder
from kgrec.studies.files import load_study
from kgrec.studies.pictures import cost_figures, curves_of, plot
from kgrec.studies.plan import plan
from kgrec.studies.pool import run_trials
from kgrec.studies.progress import JobProgress, duration
from kgrec.study import Arm

TINY = """
from kgrec.study import Arm, Claim, Front, Study

RATES = (("train.optimizer.lr=0.01",), ("train.optimizer.lr=0.001",))
STUDY = Study(
    name="tiny",
    question="Is a model better than chance?",
    common=(
        "data=planted", "data.source.num_users=60", "data.source.num_items=60",
        "data.source.num_attributes=4", "data.source.interactions_per_user=10",
        "lm=hashing", "lm.dim=128", "logger=none",
    ),
    arms=(
        Arm("hybrid", ("model=hybrid", "train.max_epochs=3", "kg=full"), RATES, series="hybrid", label="h"),
        Arm("random", ("model=random", "kg=none")),
        Arm("one seed", ("model=popularity", "kg=none"), seeds=1),
        Arm(
            "rewired",
            ("model=hybrid", "train.max_epochs=1", "kg=rewired", "model.start.lean=[0.0]"),
            draws=(("kg.draw=0",), ("kg.draw=4",)),
        ),
    ),
    claims=(
        Claim("better than chance", "difference", "hybrid", "random", 0.0),
        Claim("a hundred times better", "ratio", "hybrid", "random", 100.0),
        Claim("follows", "ratio", "hybrid", "random", 0.1, needs="a hundred times better", otherwise="no"),
    ),
    primary="test/cold/recall@10",
    metrics=("test/cold/recall@10", "test/cold/mrr@10", "test/recall@10"),
    test_to_train=0.2 / 0.7,
    deployed=("hybrid", "rewired"),
    fronts=(Front("on the front", "hybrid", ("rewired",), ("rewired",), "deployed_bytes"),),
)
"""
SEEDS = 2


class Tiny:
    """The tiny study, run once."""

    def __init__(self, root: Path) -> None:
        self.root, self.folder = root, root / "runs" / "tiny"
        (root / "experiments" / "reproductions").mkdir(parents=True)
        (root / "experiments" / "reproductions" / "tiny.py").write_text(TINY)
        self.study = load_study("tiny", root / "experiments")
        self.settings = [f"paths.runs={root / 'runs'}", f"paths.cache={root / 'cache'}"]
        self.arguments = ["tiny", "--experiments", str(root / "experiments"), "--seeds", str(SEEDS)]
        self.arguments += ["--workers", "2", *self.settings]
        self.code = main([*self.arguments, "--json", str(root / "copy.json")])
        self.report: dict[str, Any] = json.loads((self.folder / "report.json").read_text())

    def runs(self, **settings: object) -> list[RunFolder]:
        """Finished runs with these settings."""
        folders = [RunFolder(path.parent) for path in sorted(self.folder.glob("*/summary.json"))]
        return [run for run in folders if settings.items() <= run.read_config().items()]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    return Tiny(tmp_path_factory.mktemp("study"))


def test_the_report_has_the_agreed_form(tiny: Tiny) -> None:
    assert tiny.code == 0
    assert json.loads((tiny.root / "copy.json").read_text()) == tiny.report
    assert tiny.report["seeds"] == [0, 1]
    assert tiny.report["command"].startswith("kgrec reproduce tiny")
    assert {"commit", "date"} <= tiny.report.keys()
    assert [row["arm"] for row in tiny.report["rows"]] == ["hybrid", "random", "one seed", "rewired"]
    for row in tiny.report["rows"]:
        assert row["dataset"] == "planted"
        assert row["protocol"]["selected_on"] == "valid/cold/recall@20"
        assert list(row["metrics"]) == list(tiny.study.metrics)
        for metric in row["metrics"].values():
            assert metric["low"] <= metric["mean"] <= metric["high"]
            assert metric["mean"] == pytest.approx(np.mean(metric["per_seed"]))
            assert len(metric["per_seed"]) == len(row["seeds"])
            assert metric["sd"] == (
                pytest.approx(np.std(metric["per_seed"], ddof=1)) if len(row["seeds"]) > 1 else None
            )
    assert [row["seeds"] for row in tiny.report["rows"]] == [[0, 1], [0, 1], [0], [0, 1]]
    hybrid = tiny.report["rows"][0]
    assert {"cost/new_item_params", "cost/lm_params", "cost/train_s", "cost/peak_rss_mb"} <= hybrid.keys()
    assert set(hybrid["chosen"]) <= {"train.optimizer.lr=0.01", "train.optimizer.lr=0.001"}


def test_a_row_is_the_mean_of_its_runs(tiny: Tiny) -> None:
    runs = [RunFolder(tiny.folder / name) for name in tiny.report["rows"][0]["runs"]]
    metric = tiny.report["rows"][0]["metrics"]["test/cold/recall@10"]
    assert metric["per_seed"] == pytest.approx([run.read_summary()["test/cold/recall@10"] for run in runs])


def test_deployed_arms_have_the_costs_of_a_new_item(tiny: Tiny) -> None:
    rows = {row["arm"]: row for row in tiny.report["rows"]}
    for arm in ("hybrid", "rewired"):
        costs = {
            key: rows[arm][f"cost/{key}"] for key in ("new_items_per_s", "new_item_ms", "new_item_flops")
        }
        assert all(value > 0 for value in costs.values()), arm
        assert (
            rows[arm]["cost/deployed_bytes"] == 4 * rows[arm]["cost/graph_params"]
        )  # hashing has no weights
    assert "cost/new_item_ms" not in rows["random"]
    stored = json.loads((tiny.folder / "new_items.json").read_text())
    assert stored["costs"].keys() == {"hybrid", "rewired"}
    front = tiny.report["claims"][-1]
    assert (front["name"], front["statistic"]) == ("on the front", "front")
    assert front["status"] in ("holds", "fails")


def test_a_row_is_the_mean_of_its_draws(tiny: Tiny) -> None:
    row = tiny.report["rows"][3]
    assert row["draws"] == ["kg.draw=0", "kg.draw=4"]
    assert not [setting for setting in row["settings"] if setting.startswith("kg.draw")]
    runs = [RunFolder(tiny.folder / name) for name in row["runs"]]
    drawn = [(run.read_config()["seed"], run.read_config()["kg"]["draw"]) for run in runs]
    assert drawn == [(0, 0), (0, 4), (1, 0), (1, 4)]
    for metric in tiny.study.metrics:
        values = np.array([run.read_summary()[metric] for run in runs]).reshape(SEEDS, 2)
        assert (values[:, 0] != values[:, 1]).any()
        assert row["metrics"][metric]["per_seed"] == pytest.approx(values.mean(axis=1))
    seconds = [run.read_summary()["cost/train_s"] for run in runs]
    assert row["cost/train_s"] == pytest.approx(np.mean(seconds))
    assert [other["draws"] for other in tiny.report["rows"][:3]] == [[], [], []]


def test_choices_are_made_without_a_look_at_test(tiny: Tiny) -> None:
    candidates, finals = tiny.runs(test=False), tiny.runs(test=True)
    assert (len(candidates), len(finals)) == (2 * SEEDS, 4 * SEEDS + 1)
    for run in candidates:
        assert not [key for key in run.read_summary() if key.startswith("test/")]
    for seed in range(SEEDS):
        best = max(run.read_summary()["valid/cold/recall@20"] for run in tiny.runs(test=False, seed=seed))
        chosen = RunFolder(tiny.folder / tiny.report["rows"][0]["runs"][seed]).read_summary()
        assert chosen["valid/cold/recall@20"] == best


def test_what_is_tested_is_the_model_that_was_chosen(tiny: Tiny) -> None:
    final = RunFolder(tiny.folder / tiny.report["rows"][0]["runs"][0])
    wanted = final.read_config()
    (twin,) = [
        run
        for run in tiny.runs(test=False, seed=0)
        if run.read_config()["train"]["optimizer"] == wanted["train"]["optimizer"]
    ]
    assert final.read_metrics() == twin.read_metrics()


def test_statuses_of_claims_are_provisional_with_two_splits(tiny: Tiny) -> None:
    claims = {claim["name"]: claim for claim in tiny.report["claims"]}
    assert claims["a hundred times better"]["status"] == "fails"
    assert claims["a hundred times better"]["provisional"]
    assert claims["follows"]["status"] == "not_testable"
    assert claims["follows"]["says"] == "no"
    for claim in (claim for claim in claims.values() if claim["statistic"] != "front"):
        assert claim["low"] <= claim["value"] <= claim["high"]
        assert claim["holm_p"] >= claim["p"]
        assert claim["nadeau_bengio"]["low"] < claim["nadeau_bengio"]["high"]


def test_a_second_start_runs_nothing_and_reports_the_same(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("kgrec.studies.pool.ProcessPoolExecutor", lambda *_, **__: pytest.fail("started"))
    monkeypatch.setattr("kgrec.studies.texts.load_dataset", lambda *_: pytest.fail("encoded"))
    assert main([*tiny.arguments, "--check"]) == 1  # a claim fails
    again = json.loads((tiny.folder / "report.json").read_text())
    assert again["rows"] == tiny.report["rows"]
    assert again["claims"] == tiny.report["claims"]
    printed = capsys.readouterr().out
    for wanted in ("hybrid", "fails (provisional): a hundred times better", str(tiny.folder), "peak memory"):
        assert wanted in printed
    assert "| hybrid" in (tiny.folder / "table.md").read_text()


def elsewhere(tiny: Tiny, tmp_path: Path, *more: str) -> list[str]:
    """The arguments of the tiny study for other run folders."""
    return [*tiny.arguments[:-2], *more, f"paths.runs={tmp_path / 'runs'}", tiny.settings[1]]


def kept_runs(folder: Path) -> set[str]:
    """Ids of all runs in the files of a folder."""
    return {run for path in folder.glob("*.parquet") for run in pl.read_parquet(path)["run"]}


def test_a_study_goes_on_from_kept_runs_where_the_folders_are_gone(tiny: Tiny, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    assert main([*tiny.arguments, "--kept", str(kept)]) == 0
    assert kept_runs(kept) == {run.name for run in tiny.runs()}
    assert (kept / "one_seed.parquet").is_file()
    assert main(elsewhere(tiny, tmp_path, "--kept", str(kept))) == 0
    again = json.loads((tmp_path / "runs" / "tiny" / "report.json").read_text())
    for part in ("rows", "claims", "commit"):
        assert again[part] == tiny.report[part]
    assert not list((tmp_path / "runs").rglob("checkpoint"))


def test_what_is_run_is_kept_for_others(tiny: Tiny, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    assert main(elsewhere(tiny, tmp_path, "--kept", str(kept), "--only", "random")) == 0
    assert [path.name for path in kept.glob("*.parquet")] == ["random.parquet"]
    assert len(kept_runs(kept)) == SEEDS


def test_a_file_that_holds_no_run_is_named(tiny: Tiny, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    broken = kept / "random.parquet"
    broken.write_bytes(b"PAR1")
    with pytest.raises(InputError, match=rf"{broken.name}: found no runs that were kept .*; delete the file"):
        main(elsewhere(tiny, tmp_path, "--kept", str(kept), "--only", "random"))
    assert not list((tmp_path / "runs").rglob("summary.json"))


def test_only_some_arms_and_validation_only(tiny: Tiny, capsys: pytest.CaptureFixture[str]) -> None:
    runs = str(tiny.root / "validation")
    settings = [*tiny.settings[1:], f"paths.runs={runs}", "test=false", "data.source.seed=1"]
    arguments = [
        "tiny",
        *tiny.arguments[1:3],
        "--seeds",
        "1",
        "--workers",
        "1",
        "--only",
        "random",
        *settings,
    ]
    assert main(arguments) == 0
    report = json.loads((Path(runs) / "tiny" / "report.json").read_text())
    assert [row["arm"] for row in report["rows"]] == ["random"]
    assert next(iter(report["rows"][0]["metrics"])) == "valid/cold/recall@10"
    assert {claim["status"] for claim in report["claims"]} == {"not_testable"}
    assert "no complete results of hybrid" in capsys.readouterr().out


def test_a_failed_job_is_told_and_the_others_go_on(
    tiny: Tiny, tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    bad = '"model=random", "kg=none")), Arm("bad", ("model=item_knn", "model.num_neighbours=[0]", "kg=none")'
    text = TINY.replace('"model=random", "kg=none")', bad, 1)
    (tmp_path / "reproductions").mkdir()
    (tmp_path / "reproductions" / "tiny.py").write_text(text)
    caplog.set_level(logging.INFO)
    arguments = ["tiny", "--experiments", str(tmp_path), "--seeds", "1", "--workers", "1", *tiny.settings[1:]]
    arguments += [f"paths.runs={tmp_path}", "--only", "bad", "random"]
    assert main(arguments) == 1
    printed = capsys.readouterr().out
    assert "failed: bad, split 0: " in printed
    assert "num_neighbours" in printed
    assert "left out: bad" in printed
    assert "random" in printed
    assert "2 of 2 runs are to be done" in caplog.text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nope"], "no study 'nope'"),
        ([], "found none as name of a study"),
        (["tiny", "--only", "nobody"], "no arm 'nobody'; valid: hybrid, random, one seed, rewired"),
        (["tiny", "--seeds", "0"], "--seeds: found 0"),
        (["tiny", "seed=3"], "--seeds N"),
        (["tiny", "train.optimizer.lr=1"], "arm hybrid chooses it on validation"),
        (["tiny", "kg.draw=1", "--only", "rewired"], "arm rewired is run for several values of it"),
        (["tiny", "kg=nothing"], "kg has no option 'nothing'"),
        (["tiny", "--experiments", "/nowhere"], "no folder of studies at /nowhere"),
    ],
)
def test_bad_input_is_refused_before_anything_runs(tiny: Tiny, arguments: list[str], message: str) -> None:
    given = arguments if "--experiments" in arguments else [*arguments, *tiny.arguments[1:3]]
    with pytest.raises(InputError, match=message):
        main(given)


def test_a_choice_may_swap_a_whole_part(tiny: Tiny) -> None:
    arm = Arm("x", ("model=hybrid",), (("fusion=sum",), ("gnn=identity", "train.optimizer.lr=0.5")))
    (trial,) = plan(replace(tiny.study, arms=(*tiny.study.arms, arm)), [arm], [3], [])
    first, second = (job.cfg for job in trial.candidates)
    assert (first.choices.fusion, second.choices.gnn, second.train.optimizer.lr) == ("sum", "identity", 0.5)
    assert not first.test
    assert all(job.cfg.test and job.cfg.seed == 3 for job in trial.finals)
    assert len({job.run.path for job in (*trial.candidates, *trial.finals)}) == 4


def test_each_draw_makes_its_own_choice(tiny: Tiny, tmp_path: Path) -> None:
    rates = tuple((f"train.optimizer.lr={rate}",) for rate in (0.5, 0.25))
    arm = Arm("x", ("model=hybrid", "kg=rewired"), rates, draws=(("kg.draw=1",), ("kg.draw=2",)))
    trials = plan(tiny.study, [arm], [3], [f"paths.runs={tmp_path}"])
    assert [trial.name for trial in trials] == ["x, split 3, draw 0", "x, split 3, draw 1"]
    jobs = [job for trial in trials for job in (*trial.candidates, *trial.finals)]
    assert len({job.run.path for job in jobs}) == 8
    for best, trial in enumerate(trials):
        for choice, job in enumerate(trial.candidates):
            assert (job.cfg.kg.draw, job.cfg.train.optimizer.lr) == (best + 1, [0.5, 0.25][choice])
            job.run.write_summary({"valid/cold/recall@20": float(choice == best)})
    assert [trial.chosen() for trial in trials] == [0, 1]


def test_progress_tells_the_time_left_where_there_is_no_terminal(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    clock = iter([0.0, 10.0, 60.0])
    monkeypatch.setattr("kgrec.studies.progress.time.monotonic", lambda: next(clock))
    monkeypatch.setattr("sys.stderr", io.StringIO())
    with JobProgress(total=10, done=4) as progress:
        progress.look()
        progress.job_done()
        progress.look()
    assert caplog.messages == ["6 of 10 runs are to be done", "5 of 10 runs done, about 5:00 left"]
    assert (duration(245.4), duration(3723)) == ("4:05", "1:02:03")


def test_nothing_to_run_starts_no_pool() -> None:
    assert run_trials([], 1).failures == []


def test_the_plot_shows_arms_of_a_series_that_can_score_new_items(tmp_path: Path) -> None:
    metric = {"mean": 0.3, "low": 0.2, "high": 0.4}
    row = {"series": "", "label": "", "metrics": {"m": metric}, "cost/new_item_params": 10.0}
    drawn = {**row, "series": "s", "label": "small"}
    plot({"primary": "m", "rows": [row, {**drawn, "cost/new_item_params": 0.0}]}, tmp_path)
    assert not list(tmp_path.iterdir())
    plot({"primary": "m", "rows": [row, drawn]}, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["quality_vs_size.png"]
    assert (tmp_path / "quality_vs_size.png").read_bytes().startswith(b"\x89PNG")


def test_arms_with_a_place_are_drawn_along_the_curve(tmp_path: Path) -> None:
    def row(series: str, place: float, mean: float) -> dict[str, Any]:
        metric = {"mean": mean, "low": mean - 0.1, "high": mean + 0.1}
        return {"series": series, "place": place, "metrics": {"m": metric}, "cost/new_item_params": 10.0}

    rows = [row("", 0.0, 0.4), row("missing", 1.0, 0.2), row("false", 1.0, 0.3), row("missing", 0.5, 0.3)]
    report = {"primary": "m", "curve": "share of the facts", "rows": rows}
    drawn = {name: [(p.place, p.mean) for p in points] for name, points in curves_of(report).items()}
    assert drawn == {"missing": [(0.0, 0.4), (1.0, 0.2), (0.5, 0.3)], "false": [(0.0, 0.4), (1.0, 0.3)]}
    plot(report, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["curve.png"]
    (figure,) = cost_figures(report)
    assert "share of the facts" in figure
