"""The benchmark's own logic: turns, ratios, files; RecBole itself is not needed."""

import ast
import json
import math
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import recbole as bench
import recbole_plan
import recbole_report
import recbole_setup
from recbole_plan import Cell

from kgrec.build import compose

CELL = Cell("speed", "lastfm", "lightgcn", 1)
FOLDER = Path(bench.__file__).parent


def record(train: list[float], recall: list[float] | None = None, rss: float = 100.0) -> dict[str, Any]:
    """What a driver leaves; ranking takes 2 s, validation ends 10 s after the validation before."""
    recalls = recall or [0.1] * len(train)
    epochs = [
        {
            "train_s": seconds,
            "train_cpu_s": seconds / 2,
            "rank_s": 2.0,
            "rank_cpu_s": 1.0,
            "elapsed_s": 10.0 * (number + 1),
            "recall": value,
        }
        for number, (seconds, value) in enumerate(zip(train, recalls, strict=True))
    ]
    facts = {"train_pairs": 5, "num_users": 2, "num_items": 3, "threads": 1}
    return {"epochs": epochs, "peak_rss_mb": rss, "versions": {"torch": "2"}, "settings": {}, **facts}


def test_sides_take_turns() -> None:
    assert list(recbole_plan.schedule(CELL, 2)) == [
        ("kgrec", 0),
        ("recbole", 0),
        ("kgrec", 1),
        ("recbole", 1),
    ]


def test_the_long_training_is_done_once() -> None:
    quality = Cell("quality", "lastfm", "cke", 2)
    assert list(recbole_plan.schedule(quality, 3)) == [
        ("kgrec", 0),
        ("recbole", 0),
        ("kgrec", 1),
        ("kgrec", 2),
    ]


def test_cells_cover_every_combination_and_quality_has_the_most_threads() -> None:
    options = bench.arguments(
        ["--data", "lastfm", "ml-100k", "--models", "cke", "kgin", "--threads", "2", "1"]
    )
    planned = recbole_plan.cells(options)
    assert len(planned) == len({str(cell) for cell in planned}) == 8 + 2
    assert [cell for cell in planned if cell.kind == "quality"] == [
        Cell("quality", "lastfm", "cke", 2),
        Cell("quality", "lastfm", "kgin", 2),
    ]


def test_both_sides_are_given_the_same_settings() -> None:
    ours, theirs = (recbole_plan.spec(CELL, side, 0, quick=False) for side in ("kgrec", "recbole"))
    cfg = compose(ours["overrides"])
    assert theirs["batch_size"] == cfg.train.batch_size == 2048
    assert theirs["embedding_dim"] == cfg.model.embedding_dim == 64
    assert theirs["lr"] == cfg.train.optimizer.lr
    assert theirs["epochs"] == cfg.train.max_epochs == ours["epochs"]
    assert theirs["threads"] == ours["threads"] == 1
    assert (cfg.loss.num_negatives, cfg.train.optimizer.weight_decay) == (1, 0)


@pytest.mark.parametrize("model", sorted(recbole_plan.MODELS))
@pytest.mark.parametrize("kind", ["speed", "quality"])
@pytest.mark.parametrize("data", sorted(recbole_plan.DATA))
def test_kgrec_knows_all_of_its_settings(model: str, kind: str, data: str) -> None:
    told = recbole_plan.spec(Cell(kind, data, model, 1), "kgrec", 0, quick=True)
    cfg = compose(told["overrides"])
    assert (cfg.choices.model, cfg.train.max_epochs) == (model, 3)


def test_repeats_of_speed_are_the_same_run_and_those_of_quality_are_seeds() -> None:
    assert recbole_plan.spec(CELL, "kgrec", 2, quick=False)["seed"] == 0
    quality = recbole_plan.spec(Cell("quality", "ml-100k", "lightgcn", 2), "kgrec", 2, quick=False)
    assert quality["seed"] == 2
    assert "seed=0" in quality["overrides"]  # of the split: all seeds train on the same pairs


def test_medians_leave_out_the_warm_up_and_are_taken_over_repeats() -> None:
    records = [record([90.0, 1.0, 3.0, 2.0]), record([90.0, 5.0]), record([90.0, 4.0, 4.0])]
    assert recbole_report.per_epoch(records, "train_s") == 4.0
    assert recbole_report.per_epoch(records, "rank_s") == 2.0
    with pytest.raises(ValueError, match="1 epochs, expected more than 1"):
        recbole_report.per_epoch([record([1.0])], "train_s")


def test_ratios_are_theirs_over_ours() -> None:
    row = recbole_report.speed_row(asdict(CELL), [record([9, 2.0], rss=50)], [record([9, 6.0], rss=40)])
    assert row["epoch"] == {"kgrec": 2.0, "recbole": 6.0, "ratio": 3.0, "wanted": 2.5, "meets": True}
    assert row["epoch_cpu"] == {"kgrec": 1.0, "recbole": 3.0, "ratio": 3.0, "wanted": None, "meets": None}
    assert (row["rank"]["ratio"], row["rank"]["meets"]) == (1.0, False)
    assert (row["rss"]["ratio"], row["rss"]["meets"]) == (0.8, False)


def test_time_to_best_is_the_first_time_that_their_best_is_reached() -> None:
    cell = asdict(Cell("quality", "lastfm", "cke", 2))
    theirs = record([1] * 4, [0.1, 0.3, 0.2, 0.3])  # best first at 20 s
    ours = [record([1] * 2, [0.3, 0.5]), record([1] * 3, [0.1, 0.2, 0.4]), record([1] * 2, [0.1, 0.2])]
    row = recbole_report.quality_row(cell, ours, [theirs])
    assert (row["target_recall"], row["kgrec_best_recall"], row["seeds_reached"]) == (0.3, 0.4, "2/3")
    assert (row["time_to_best"]["kgrec"], row["time_to_best"]["recbole"]) == (30.0, 20.0)
    assert math.isclose(row["time_to_best"]["ratio"], 2 / 3)


def test_a_best_that_most_seeds_miss_has_no_ratio() -> None:
    cell = asdict(Cell("quality", "lastfm", "cke", 2))
    ours = [record([1], [0.5]), record([1], [0.1]), record([1], [0.1])]
    row = recbole_report.quality_row(cell, ours, [record([1], [0.3])])
    assert row["time_to_best"]["ratio"] is None
    assert row["time_to_best"]["meets"] is False


def test_a_comparison_of_different_data_is_refused() -> None:
    bench.check_same_data(CELL, {"kgrec": [record([1])], "recbole": [record([1])]})
    other = record([1]) | {"num_items": 4}
    with pytest.raises(RuntimeError, match="num_items differs"):
        bench.check_same_data(CELL, {"kgrec": [record([1])], "recbole": [other]})


def test_measurements_are_kept_for_their_own_commit_only(tmp_path: Path) -> None:
    path = tmp_path / "measurements.json"
    bench.Measurements(path, {"commit": "a"}).add(CELL, {"kgrec": [record([1])], "recbole": []})
    again = bench.Measurements(path, {"commit": "a"})
    assert CELL in again
    assert again.of(CELL)["kgrec"] == [record([1])]
    assert CELL not in bench.Measurements(path, {"commit": "b"})


def test_a_stopped_run_measures_only_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    measured: list[tuple[str, str]] = []

    class FakeBench:
        def __init__(self, cache: Path, quick: bool) -> None:
            pass

        def export(self, data: str) -> None:
            pass

        def measure(self, cell: Cell, side: str, repeat: int) -> dict[str, Any]:
            measured.append((cell.model, side))
            if cell.model == "kgin" and "stop" in stop:
                raise KeyboardInterrupt
            return record([9.0, 1.0 if side == "kgrec" else 3.0])

    monkeypatch.setattr(bench, "Bench", FakeBench)
    arguments = ["--data", "lastfm", "--models", "lightgcn", "kgin", "--threads", "1", "--repeats", "1"]
    options = bench.arguments([*arguments, "--quality", "--cache", str(tmp_path)])
    stop = ["stop"]
    with pytest.raises(KeyboardInterrupt):
        bench.run(options)
    stop.clear()
    report = bench.run(options)
    assert measured == [
        ("lightgcn", "kgrec"),
        ("lightgcn", "recbole"),
        ("kgin", "kgrec"),
        ("kgin", "kgrec"),
        ("kgin", "recbole"),
    ]
    assert [row["epoch"]["ratio"] for row in report["speed"]] == [3.0, 3.0]
    page = recbole_report.page(json.loads(json.dumps(report)))
    assert "| lastfm | lightgcn | 1 | 1.0000 | 3.0000 | **3.00×** |" in page
    assert "| lastfm | kgin | 1 | 1.0000 | 3.0000 | 3.00× |" in page
    assert str(tmp_path.parent) not in page.replace(report["facts"]["command"], "")
    assert "1/2 speed-lastfm-lightgcn-1" in capsys.readouterr().out


def test_each_item_is_exported_with_an_entity_of_its_own(tmp_path: Path) -> None:
    dataset: Any = SimpleNamespace(
        train=np.array([[0, 0], [1, 2]]),
        valid=np.array([[0, 1]]),
        test=np.array([[1, 3]]),
        triples=np.array([[5, 0, 6], [6, 1, 4]]),
        item_to_entity=np.array([5, -1, 5, 4]),
        num_entities=7,
    )
    recbole_setup.export(dataset, "toy", tmp_path)
    lines = {path.name: path.read_text().splitlines() for path in (tmp_path / "toy").iterdir()}
    assert lines["toy.train.inter"] == ["user_id:token\titem_id:token", "u0\ti0", "u1\ti2"]
    assert lines["toy.valid.inter"][1:] == ["u0\ti1"]
    assert lines["toy.link"][1:] == ["i0\te5", "i1\te7", "i2\te8", "i3\te4"]
    loops = [f"e{entity}\tkgrec:none\te{entity}" for entity in (7, 8)]
    assert lines["toy.kg"][1:] == ["e5\tr0\te6", "e6\tr1\te4", *loops]


def test_the_driver_of_the_other_environment_imports_nothing_of_kgrec() -> None:
    tree = ast.parse((FOLDER / "recbole_driver.py").read_text())
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    assert not any(name.split(".")[0] == "kgrec" for name in names)
    others = set(FOLDER.glob("*.py")) - {FOLDER / "recbole_driver.py"}
    assert all("from recbole." not in path.read_text() for path in others)
