"""The whole pipeline on the dataset with a known answer: is each part really used?"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
import yaml

from kgrec.build import compose
from kgrec.data.planted import user_group
from kgrec.recommend import TrainedRun
from kgrec.reporting.run_folder import RunFolder
from kgrec.train import train

SETTINGS = [
    "data=planted",
    "lm=hashing",
    "gnn=rgcn",
    "logger=none",
    "train.max_epochs=12",
    "train.runtime.device=cpu",
    "train.runtime.progress='off'",
]
METRIC = "test/cold/recall@20"
CHANCE = 20 / 60
"""60 of the 300 items are cold in test, 20 are listed."""

ARMS = {
    "graph": ["fusion=structured_only", "lm=none"],
    "text": ["fusion=text_only", "kg=none"],
    "both": [],
    "popularity": ["model=popularity"],
}


def folders(path: Path) -> list[str]:
    return [f"paths.{name}={path / name}" for name in ("runs", "cache", "data")]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("end_to_end")


@pytest.fixture(scope="module")
def runs(workplace: Path) -> dict[str, RunFolder]:
    return {
        arm: train(compose([*SETTINGS, *folders(workplace), *overrides])) for arm, overrides in ARMS.items()
    }


def recall_by_group(run: RunFolder) -> dict[str, float]:
    """Mean recall of the users who prefer by the graph, and of those who prefer by the text."""
    table = run.read_per_user().with_columns(
        group=pl.col("user").map_elements(user_group, return_dtype=pl.String)
    )
    return {str(key[0]): float(part[METRIC].mean()) for key, part in table.group_by("group")}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("arm", "wins"),
    [("graph", {"graph"}), ("text", {"text"}), ("both", {"graph", "text"}), ("popularity", set())],
)
def test_each_source_serves_the_users_whom_it_can(
    runs: dict[str, RunFolder], arm: str, wins: set[str]
) -> None:
    for group, recall in recall_by_group(runs[arm]).items():
        if group in wins:
            assert recall > 0.9
        else:
            assert recall < CHANCE + 0.15


def test_a_run_leaves_all_that_is_promised(runs: dict[str, RunFolder]) -> None:
    run = runs["both"]
    assert run.name.startswith("planted_hybrid_hashing_full_rgcn_gate_s0_")
    names = {path.name for path in run.path.iterdir()}
    assert names == {
        "config.yaml", "metrics.jsonl", "summary.json", "per_user.parquet", "env.json", "checkpoint",
    }  # fmt: skip
    config = yaml.safe_load((run.path / "config.yaml").read_text())
    assert config["choices"]["data/split"] == "cold_item"
    assert config["model"]["gnn"]["_target_"] == "kgrec.nn.gnn.rgcn.RGCN"
    assert "hydra" not in config
    summary = run.read_summary()
    best = next(row for row in run.read_metrics() if row["epoch"] == summary["best_epoch"])
    assert summary["valid/cold/recall@20"] == best["valid/cold/recall@20"]
    assert summary[METRIC] == pytest.approx(run.read_per_user()[METRIC].mean())
    assert summary["protocol/candidates"] == "cold, all"
    assert summary["protocol/split"] == "cold_item"
    assert summary["cost/train_s"] > 0
    assert summary["cost/params"] > 0


def test_what_a_model_chose_by_itself_stands_in_the_summary(tmp_path: Path) -> None:
    run = train(compose(["data=planted", "model=ease", "model.ridge=[1.0,10.0]", *folders(tmp_path)]))
    assert run.read_summary()["chosen/ridge"] in {1.0, 10.0}


def test_reads_of_a_generated_test_set_are_not_written_down(
    runs: dict[str, RunFolder], workplace: Path
) -> None:
    assert runs
    assert not list(workplace.rglob("test_reads.jsonl"))


def test_the_same_seed_gives_the_same_figures(runs: dict[str, RunFolder], tmp_path: Path) -> None:
    again = train(compose([*SETTINGS, *folders(tmp_path)]))
    assert again.name == runs["both"].name
    metrics = [(run.path / "metrics.jsonl").read_bytes() for run in (again, runs["both"])]
    assert metrics[0] == metrics[1]


def test_another_seed_is_another_run(runs: dict[str, RunFolder], workplace: Path) -> None:
    other = train(compose([*SETTINGS, *folders(workplace), "model=popularity", "seed=1"]))
    assert other.name != runs["popularity"].name
    assert (
        other.read_summary()["protocol/data_sha256"]
        != runs["popularity"].read_summary()["protocol/data_sha256"]
    )


def test_a_finished_run_is_skipped(
    runs: dict[str, RunFolder], workplace: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = {path: path.stat().st_mtime_ns for path in runs["both"].path.rglob("*")}
    with caplog.at_level("INFO"):
        run = train(compose([*SETTINGS, *folders(workplace)]))
    assert [record.message for record in caplog.records] == [f"{run.path} is finished: nothing to do"]
    assert {path: path.stat().st_mtime_ns for path in run.path.rglob("*")} == before


def test_without_test_no_test_figure_is_made(tmp_path: Path) -> None:
    run = train(compose([*SETTINGS, *folders(tmp_path), "model=popularity", "test=false"]))
    assert not [key for key in run.read_summary() if key.startswith("test/")]
    assert "valid/cold/recall@20" in run.read_per_user().columns


def test_a_split_of_pairs_ranks_all_items(tmp_path: Path) -> None:
    settings = [*SETTINGS, *folders(tmp_path), "data/split=random", "model=item_knn"]
    summary = train(compose(settings)).read_summary()
    assert summary["protocol/selected_on"] == "valid/recall@10"
    assert not [key for key in summary if "/cold/" in key]
    assert summary["test/recall@10"] > 0.3  # text and graph users alike have neighbours


def test_a_new_item_is_embedded_like_an_equal_one_of_the_catalogue(runs: dict[str, RunFolder]) -> None:
    run = TrainedRun.load(runs["both"].path)
    dataset, item = run.dataset, int(np.flatnonzero(run.dataset.cold_test)[0])
    facts = [
        f"{dataset.relations.raw_ids[relation]}={dataset.entities.raw_ids[tail]}"
        for head, relation, tail in dataset.triples.tolist()
        if head == dataset.item_to_entity[item]
    ]
    with torch.no_grad():
        _, items = run.model.embeddings() or pytest.fail("a hybrid has embeddings")
    new = run.embed_item(dataset.item_texts[item], facts)
    torch.testing.assert_close(new, items[item], atol=0.01, rtol=0.01)
    assert 1 <= run.place(new, "g3").rank <= dataset.num_items
    assert runs["both"].read_summary()["cost/new_item_params"] == run.model.new_item_parameters() > 0


@pytest.mark.slow
def test_two_processes_train_as_one(tmp_path: Path) -> None:
    # --multi_gpu is accelerate's word for one process per device; on a machine without any they speak gloo.
    launch = ["accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "--num_machines", "1"]
    launch += ["--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0", "-m", "kgrec"]
    losses = {}
    for name, module in {"one": ["kgrec"], "two": launch}.items():
        settings = [*SETTINGS, *folders(tmp_path / name), "train.max_epochs=3", "train.batch_size=1000"]
        done = subprocess.run(
            [sys.executable, "-m", *module, "train", *settings, "test=false", "train.runtime.device=cpu"],
            capture_output=True,
            text=True,
            timeout=120,
            # One thread: the start's sums must not differ by their order. Two processes share no accelerator.
            env=os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("cold/recall@20") == 1  # the main process alone prints
        (metrics,) = (tmp_path / name / "runs").rglob("metrics.jsonl")
        rows = [json.loads(line) for line in metrics.read_text().splitlines()]
        losses[name] = [
            row["train/loss"] for row in rows if row["epoch"] > 0
        ]  # 0 is the start, without a loss
    assert len(losses["one"]) == 3
    assert losses["two"] == pytest.approx(losses["one"], rel=1e-5)
