"""Click-through prediction from command to run folder, on the dataset with a known answer."""

import json
import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from kgrec.build import compose
from kgrec.cli import main
from kgrec.evaluate import evaluate_run
from kgrec.reporting.run_folder import RunFolder
from kgrec.train import train

SETTINGS = [
    "data=planted",
    "data/split=labelled",
    "model=lightgcn",
    "loss=bpr",
    "data.source.num_users=100",
    "data.source.num_items=60",
    "data.source.num_attributes=4",
    "logger=csv",
    "train.max_epochs=8",
    "train.batch_size=200",
    "train.runtime.device=cpu",
    "train.runtime.progress='off'",
]
METRICS = {"auc", "f1", "accuracy", "log_loss"}


def folders(path: Path) -> list[str]:
    return [f"paths.{name}={path / name}" for name in ("runs", "cache", "data")]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ctr")


@pytest.fixture(scope="module")
def runs(workplace: Path) -> dict[str, RunFolder]:
    settings = [*SETTINGS, *folders(workplace)]
    return {
        "entropy": train(compose([*settings, "task=ctr"])),
        "calibrated": train(compose([*settings, "task=ctr_calibrated"])),
        "popularity": train(compose([*settings, "task=ctr", "model=popularity"])),
    }


@pytest.mark.parametrize("name", ["entropy", "calibrated"])
def test_a_model_that_learns_beats_popularity(runs: dict[str, RunFolder], name: str) -> None:
    found, floor = runs[name].read_summary(), runs["popularity"].read_summary()
    assert found["test/auc"] > floor["test/auc"] + 0.1
    assert found["test/log_loss"] < floor["test/log_loss"]
    assert floor["test/auc"] < 0.55  # items are equally popular in this dataset


def test_a_run_leaves_what_a_ranking_leaves(runs: dict[str, RunFolder]) -> None:
    run = runs["entropy"]
    assert {path.name for path in run.path.iterdir()} == {
        "config.yaml", "metrics.jsonl", "metrics.csv", "summary.json", "per_user.parquet", "env.json",
        "checkpoint",
    }  # fmt: skip
    summary = run.read_summary()
    assert {f"{split}/{name}" for split in ("valid", "test") for name in METRICS} <= summary.keys()
    assert summary["protocol/split"] == "labelled"
    assert summary["protocol/selected_on"] == "valid/auc"
    assert summary["protocol/candidates"] == "labelled rows"
    best = max(row["valid/auc"] for row in run.read_metrics())
    assert summary["valid/auc"] == best
    table = run.read_per_user()
    assert set(table.columns) == {"user", *(f"test/user/{name}" for name in METRICS)}
    mean = table.select(pl.col("test/user/auc").fill_nan(None).mean()).item()
    assert summary["test/user/auc"] == pytest.approx(mean)


@pytest.mark.parametrize("name", ["entropy", "calibrated", "popularity"])
def test_a_finished_run_gives_its_figures_again(runs: dict[str, RunFolder], name: str) -> None:
    summary = runs[name].read_summary()
    for key, value in evaluate_run(runs[name].path, "valid").means.items():
        assert value == pytest.approx(summary[key], abs=1e-6), key


def test_the_task_is_part_of_the_run_id(runs: dict[str, RunFolder]) -> None:
    assert runs["entropy"].name != runs["calibrated"].name


@pytest.mark.parametrize("task", ["ctr", "ctr_calibrated"])
def test_a_stopped_run_goes_on_to_the_same_figures(tmp_path: Path, task: str) -> None:
    settings = [*SETTINGS, f"task={task}", "train.max_epochs=4", "test=false", "train.checkpoint_every=1"]
    whole = train(compose([*settings, *folders(tmp_path / "whole")]))
    halted = train(compose([*settings, *folders(tmp_path / "halted")]))
    rows = halted.read_metrics()
    assert rows == whole.read_metrics()
    (halted.path / "summary.json").unlink()  # as if stopped after its last checkpoint
    assert train(compose([*settings, *folders(tmp_path / "halted")])).read_metrics() == rows


def test_the_command_shows_the_four_metrics(
    workplace: Path, runs: dict[str, RunFolder], capsys: pytest.CaptureFixture[str]
) -> None:
    assert runs
    assert main(["train", *SETTINGS, *folders(workplace), "task=ctr"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in shown[2:6]] == ["auc", "f1", "accuracy", "log_loss"]


def test_data_that_is_not_labelled_is_refused(tmp_path: Path) -> None:
    settings = [*SETTINGS, *folders(tmp_path), "task=ctr", "data/split=random"]
    assert main(["train", *settings]) == 2
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_two_processes_train_as_one(tmp_path: Path) -> None:
    launch = ["accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "--num_machines", "1"]
    launch += ["--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0", "-m", "kgrec"]
    rows = {}
    for name, module in {"one": ["kgrec"], "two": launch}.items():
        settings = [*SETTINGS, *folders(tmp_path / name), "task=ctr", "train.max_epochs=3", "test=false"]
        done = subprocess.run(
            [sys.executable, "-m", *module, "train", *settings],
            capture_output=True,
            text=True,
            timeout=120,
            env=os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
        )
        assert done.returncode == 0, done.stderr
        (metrics,) = (tmp_path / name / "runs").rglob("metrics.jsonl")
        rows[name] = [json.loads(line) for line in metrics.read_text().splitlines()]
    for one, two in zip(rows["one"], rows["two"], strict=True):
        assert two == pytest.approx(one, rel=1e-3)
