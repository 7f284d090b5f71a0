from pathlib import Path
from typing import Any

import pytest
import yaml

from kgrec.errors import InputError
from kgrec.reporting.compare import collect, compare
from kgrec.reporting.run_folder import RunFolder
from kgrec.reporting.tables import Cell, Spread, render

METRICS = ["test/recall@20", "cost/train_s"]


def make_run(folder: Path, seed: int, recall: float | None, seconds: float = 1.0, **config: Any) -> None:
    run = RunFolder(folder)
    settings = {"seed": seed, "group": folder.parent.name, "paths": {"runs": str(folder)}, "lr": 0.1} | config
    run.start(yaml.safe_dump(settings), seed)
    run.write_summary({"test/recall@20": recall, "cost/train_s": seconds, "protocol/split": "cold_item"})
    wandb = folder / "wandb" / "offline-run-1" / "files"
    wandb.mkdir(parents=True)
    (wandb / "config.yaml").write_text("wandb_version: 1")


@pytest.fixture
def group(tmp_path: Path) -> Path:
    for seed, (hybrid, ease) in enumerate([(0.40, 0.30), (0.44, 0.32)]):
        make_run(tmp_path / "g" / f"hybrid{seed}", seed, hybrid, 9.0, model={"_target_": "Hybrid", "dim": 64})
        make_run(tmp_path / "g" / f"ease{seed}", seed, ease, 1.0, model={"_target_": "Ease"})
    return tmp_path / "g"


def test_one_row_per_finished_run(group: Path, caplog: pytest.LogCaptureFixture) -> None:
    RunFolder(group / "unfinished").start("seed: 9", 9)
    runs = collect([group])
    assert runs.table["run"].to_list() == ["ease0", "ease1", "hybrid0", "hybrid1"]
    assert runs.table["group"].unique().to_list() == ["g"]
    assert runs.table["seed"].to_list() == [0, 1, 0, 1]
    assert runs.table["test/recall@20"].to_list() == [0.30, 0.32, 0.40, 0.44]
    assert "1 of 5 runs are not finished" in caplog.text


def test_settings_are_those_that_differ(group: Path) -> None:
    runs = collect([group])
    assert runs.settings == ("model._target_", "model.dim")
    assert runs.table["model.dim"].to_list() == [None, None, 64, 64]


def test_a_run_named_twice_counts_once(group: Path) -> None:
    assert collect([group, group / "ease0"]).table.height == 4


def test_mean_and_spread_over_seeds_best_first_and_marked(group: Path) -> None:
    table = compare(collect([group]), METRICS)
    assert list(table.columns) == ["model._target_", "model.dim", "runs", *METRICS]
    hybrid, ease = table.cells()
    assert [cell.value for cell in hybrid[:3]] == ["Hybrid", 64, 2]
    assert isinstance(hybrid[3].value, Spread)
    assert hybrid[3].value.mean == pytest.approx(0.42)
    assert hybrid[3].value.sd == pytest.approx(0.028284, rel=1e-3)  # sample standard deviation
    assert ease[4] == Cell(Spread(1.0, 0.0), best=True)  # of costs the lowest is best
    assert [cell.best for cell in hybrid[3:]] == [True, False]
    assert [cell.best for cell in ease[3:]] == [False, True]


@pytest.mark.parametrize("output", ["markdown", "csv", "latex", "text"])
def test_every_format(group: Path, output: str) -> None:
    text = render(compare(collect([group]), METRICS), output)
    assert text.index("Hybrid") < text.index("Ease")


def test_equal_settings_in_two_groups_stay_apart(tmp_path: Path) -> None:
    for name, recall in (("old", 0.1), ("new", 0.2)):
        make_run(tmp_path / name / "run", 0, recall)
    table = compare(collect([tmp_path]), METRICS)
    assert [[cell.value for cell in row[:2]] for row in table.cells()] == [["new", 1], ["old", 1]]


def test_one_setting_has_no_best(tmp_path: Path) -> None:
    make_run(tmp_path / "g" / "run", 0, 0.1)
    [row] = compare(collect([tmp_path / "g" / "run"]), METRICS).cells()
    assert row == [Cell("g"), Cell(1), Cell(Spread(0.1, None)), Cell(Spread(1.0, None))]


def test_missing_values_are_left_out_of_the_mean(tmp_path: Path) -> None:
    for seed, recall in enumerate([0.2, None, 0.4]):
        make_run(tmp_path / "g" / str(seed), seed, recall)
    [row] = compare(collect([tmp_path / "g"]), METRICS[:1]).cells()
    assert isinstance(row[2].value, Spread)
    assert row[2].value.mean == pytest.approx(0.3)


def test_settings_of_several_kinds(tmp_path: Path) -> None:
    for seed, value in enumerate([1, 2.5, "auto", [1, 2], None]):
        make_run(tmp_path / "g" / str(seed), seed, 0.1, width=value)
    assert collect([tmp_path / "g"]).table["width"].to_list() == ["1", "2.5", "auto", "[1, 2]", None]


def test_unknown_folders_and_metrics_are_named(tmp_path: Path, group: Path) -> None:
    with pytest.raises(InputError, match="nowhere: found no such folder"):
        collect([tmp_path / "nowhere"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="found 0 runs, none of them finished"):
        collect([tmp_path / "empty"])
    with pytest.raises(InputError, match=r"expected one of test/recall@20, cost/train_s$"):
        compare(collect([group]), ["test/nonsense"])
    with pytest.raises(InputError, match="metric protocol/split"):
        compare(collect([group]), ["protocol/split"])
