"""What is shown of a sweep, and the files that it becomes."""

import csv
import json
import shutil
from pathlib import Path

import pytest
from toy_sweep import METRIC, FakeTraining, toy_plan

from kgrec import build
from kgrec.build import compose, config_dir
from kgrec.cli import main
from kgrec.pipeline import run_name
from kgrec.sweep import worker
from kgrec.sweep.budget import Pruning
from kgrec.sweep.experiment import experiment_file
from kgrec.sweep.study import SweepStudy
from kgrec.sweep.sweep import sweep

TUNED = sorted((Path(__file__).parents[2] / "experiments" / "results" / "tuning").glob("*.json"))


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SweepStudy:
    monkeypatch.setattr(worker, "train", FakeTraining())
    plan = toy_plan(tmp_path, trials=20, pruning=Pruning("median", 3, 1))
    return sweep(plan, None, 1, "kgrec sweep toy")


def test_all_trials_are_shown(study: SweepStudy, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sweep", "show", str(study.folder)]) == 0
    header, _, *rows = capsys.readouterr().out.splitlines()
    assert header.split()[:5] == ["trial", "state", METRIC, "epochs", "seconds"]
    trials = study.trials()
    best = study.best(trials)
    assert best is not None
    for trial, row in zip(trials, rows, strict=False):
        assert row.split()[:2] == [str(trial.number), trial.state]
        assert ("*" in row.split()[2]) == (trial == best)
    states = [trial.state for trial in trials]
    counts = f"{states.count('done')} done"
    text = "\n".join(rows[len(trials) :])
    assert counts in text
    assert f"{states.count('pruned')} pruned" in text
    assert "of 20; 0:0" in text
    assert "pruning: rule median, startup 3, warmup 1" in text
    assert f"best: trial {best.number}, {METRIC} = {best.value:.4f}" in text
    assert rows[-1].startswith("kgrec train model=bpr_mf loss=bpr data=planted ")


def test_what_matters_is_said_once_ten_trials_are_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "train", FakeTraining())
    settings = {"loss.num_negatives": 1, "group": "other"}
    few = sweep(toy_plan(tmp_path, trials=9, **settings), None, 1, "")
    assert few.importances() == {}
    many = sweep(toy_plan(tmp_path, trials=30, **settings), None, 1, "")
    shares = many.importances()
    assert sum(shares.values()) == pytest.approx(1.0)
    assert shares["train.optimizer.lr"] > shares["model.embedding_dim"]  # which changes nothing


def test_the_record_says_how_it_came_about(study: SweepStudy, tmp_path: Path) -> None:
    files = [tmp_path / "a.json", tmp_path / "a.csv"]
    assert main(["sweep", "export", str(study.folder), "--json", str(files[0]), "--csv", str(files[1])]) == 0
    record = json.loads(files[0].read_text())
    assert record["budget"] == {"trials": 20, "minutes": 1.0}
    assert record["used"]["trials"] == 20
    assert (record["metric"], record["command"]) == (METRIC, "kgrec sweep toy")
    best = study.best(study.trials())
    assert best is not None
    assert record["best"]["value"] == best.value
    assert record["best"]["overrides"] == study.overrides_of(best)
    assert {"model=bpr_mf", "data=planted", *best.params} <= set(record["best"]["overrides"])
    private = ("test=", "logger=", "paths.", "group=")
    assert not [override for override in record["best"]["overrides"] if override.startswith(private)]
    old = json.loads(TUNED[0].read_text())
    assert old.keys() <= record.keys()
    assert old["best"].keys() <= record["best"].keys()
    assert old["trials"][0].keys() <= record["trials"][0].keys()
    with files[1].open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["train.optimizer.lr"]) for row in rows[1:]] == [
        float(trial.params[0].partition("=")[2]) for trial in study.trials()[1:]
    ]


@pytest.mark.parametrize("path", [TUNED[0], TUNED[-1]], ids=lambda path: path.stem)
def test_the_best_trial_becomes_an_experiment_of_the_same_run(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    overrides = json.loads(path.read_text())["best"]["overrides"]
    wanted = run_name(compose(overrides))
    shutil.copytree(config_dir(), tmp_path / "conf")
    monkeypatch.setattr(build, "config_dir", lambda: tmp_path / "conf")
    text = experiment_file("mine", overrides, "The best of a sweep.")
    (tmp_path / "conf" / "experiment" / "mine.yaml").write_bytes(text)
    assert run_name(compose(["experiment=mine"])) == wanted
    assert text.decode().startswith("# @package _global_\n# kgrec train experiment=mine\n")


def test_an_export_says_what_it_lacks(study: SweepStudy, capsys: pytest.CaptureFixture[str]) -> None:
    kept = study.folder / "mine.yaml"
    kept.write_text("mine")
    for arguments, message in [
        ([str(study.folder)], "found nothing to write, expected --json, --csv or --yaml"),
        ([str(study.folder), "--yaml", str(kept)], "there is such a file already"),
        ([str(study.folder), "--yaml", "mine.txt"], "found no .yaml at its end"),
        (
            [str(study.folder.parent), "--csv", "a.csv"],
            "found no sweep, expected sweep.journal or sweep.sqlite",
        ),
        (["nowhere", "--csv", "a.csv"], "nowhere: found no such folder"),
    ]:
        assert main(["sweep", "export", *arguments]) == 2
        assert message in capsys.readouterr().err
    assert kept.read_text() == "mine"
