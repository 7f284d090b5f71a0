import json
import resource
from pathlib import Path

import polars as pl
import pytest
import yaml

from kgrec.errors import InputError
from kgrec.reporting.environment import changes
from kgrec.reporting.run_folder import RunFolder, flatten, settings_of_run

CONFIG = {"seed": 3, "paths": {"runs": "runs"}, "model": {"_target_": "a.B", "dims": [1, 2]}, "lr": 0.1}


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path / "group" / "run")


def test_flatten_and_settings() -> None:
    assert flatten(CONFIG)["model.dims"] == [1, 2]
    assert settings_of_run(CONFIG) == {"model._target_": "a.B", "model.dims": [1, 2], "lr": 0.1}


def test_files_go_round(run: RunFolder) -> None:
    run.start(yaml.safe_dump(CONFIG), seed=3)
    run.reset_metrics([{"epoch": 1, "train/loss": 0.5}])
    run.append_metrics({"epoch": 2, "train/loss": 0.1 + 0.2})
    table = pl.DataFrame({"user": ["u1", "u2"], "test/recall@10": [0.5, 1.0]})
    run.write_per_user(table)
    run.write_summary({"test/recall@10": 0.75, "protocol/split": "random", "cost/lm_params": None})
    assert run.read_config() == CONFIG
    assert run.read_metrics() == [{"epoch": 1, "train/loss": 0.5}, {"epoch": 2, "train/loss": 0.1 + 0.2}]
    assert run.read_per_user().equals(table)
    assert run.read_summary()["test/recall@10"] == 0.75
    assert not [path.name for path in run.path.iterdir() if path.name.endswith(".tmp")]


def test_a_name_with_brackets_is_no_pattern(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "g" / "layers=[2]")
    run.write_per_user(pl.DataFrame({"user": ["u1"]}))
    assert run.read_per_user().height == 1


def test_a_summary_finishes_the_run(run: RunFolder) -> None:
    assert not run.is_finished
    run.start(yaml.safe_dump(CONFIG), seed=3)
    assert not run.is_finished
    run.write_summary({})
    assert run.is_finished


def test_what_is_not_a_number_is_null(run: RunFolder) -> None:
    run.write_summary({"test/cold/recall@20": float("nan")})
    run.reset_metrics([{"epoch": 1, "valid/x": float("inf")}])
    assert run.read_summary() == {"test/cold/recall@20": None}
    assert "NaN" not in (run.path / "summary.json").read_text()
    assert run.read_metrics() == [{"epoch": 1, "valid/x": None}]


def test_a_summary_is_flat(run: RunFolder) -> None:
    with pytest.raises(ValueError, match="expected a plain value"):
        run.write_summary({"test": {"recall@10": 1.0}})  # type: ignore[dict-item]
    assert not run.is_finished


def test_metrics_are_cut_back_to_where_a_run_goes_on(run: RunFolder) -> None:
    run.reset_metrics([])
    for epoch in (1, 2, 3):
        run.append_metrics({"epoch": epoch})
    run.reset_metrics([{"epoch": 1}])
    run.append_metrics({"epoch": 2})
    assert run.read_metrics() == [{"epoch": 1}, {"epoch": 2}]


def test_other_settings_in_the_same_folder_are_refused(run: RunFolder) -> None:
    run.start(yaml.safe_dump(CONFIG), seed=3)
    run.start(yaml.safe_dump(CONFIG | {"paths": {"runs": "elsewhere"}}), seed=3)
    with pytest.raises(InputError, match=r"made with lr=0\.1 where 0\.2 is wanted"):
        run.start(yaml.safe_dump(CONFIG | {"lr": 0.2}), seed=3)
    assert run.read_config()["lr"] == 0.1


def test_a_run_goes_on_with_another_logger(run: RunFolder) -> None:
    run.start(yaml.safe_dump({**CONFIG, "logger": {"_target_": "a.None"}}), seed=3)
    run.start(yaml.safe_dump({**CONFIG, "logger": {"_target_": "a.Wandb", "project": "x"}}), seed=3)
    assert run.read_config()["logger"]["project"] == "x"


def test_environment_has_no_names_or_paths(run: RunFolder) -> None:
    run.start(yaml.safe_dump(CONFIG), seed=11)
    text = (run.path / "env.json").read_text()
    facts = json.loads(text)
    assert facts["seed"] == 11
    assert facts["packages"]["torch"]
    assert facts["packages"]["kgrec"]
    assert facts["host"]["cpu_count"] >= 1
    assert facts["host"]["memory_mb"] > 100
    assert str(Path.home()) not in text
    assert str(Path(__file__).parents[2]) not in text


def test_a_crash_while_writing_keeps_the_old_file(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    run.write("file.txt", b"old")

    class CrashError(BaseException):
        pass

    def crash(*_: object) -> None:
        raise CrashError

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", crash)
        with pytest.raises(CrashError):
            run.write("file.txt", b"new")
    assert (run.path / "file.txt").read_bytes() == b"old"
    run.write("file.txt", b"new")
    assert (run.path / "file.txt").read_bytes() == b"new"


def test_a_full_disk_is_named(run: RunFolder) -> None:
    run.write_summary({"a": 1})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))  # files may not grow further, as on a full disk
    try:
        with pytest.raises(InputError, match=r"summary\.json: cannot be written"):
            run.write_summary({f"key {i}": i for i in range(100)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert run.read_summary() == {"a": 1}


def test_an_unwritable_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "group").write_text("a file where the folder should be")
    run = RunFolder(tmp_path / "group" / "run")
    for write in (lambda: run.start("a: 1", seed=3), lambda: run.append_metrics({"epoch": 1})):
        with pytest.raises(InputError, match="cannot be written"):
            write()


def test_missing_and_damaged_files_are_named(run: RunFolder) -> None:
    with pytest.raises(InputError, match=r"summary\.json: found no such file"):
        run.read_summary()
    run.write("summary.json", b"{")
    run.write("per_user.parquet", b"nonsense")
    with pytest.raises(InputError, match=r"summary\.json: cannot be read"):
        run.read_summary()
    with pytest.raises(InputError, match=r"per_user\.parquet: cannot be read"):
        run.read_per_user()


def test_a_setting_that_came_later_is_left_out_at_the_value_that_all_runs_had() -> None:
    earlier = {"train": {"max_grad_norm": None}}
    ranking = {"task": {"_target_": "kgrec.tasks.ranking.Ranking"}, "choices": {"task": "ranking"}}
    other = {"task": {"_target_": "kgrec.tasks.ctr.ClickThrough"}, "choices": {"task": "ctr"}}
    assert settings_of_run(earlier | ranking) == settings_of_run(earlier) == {"train.max_grad_norm": None}
    assert len(settings_of_run(earlier | other)) == 3


def test_models_that_may_learn_from_rules_leave_earlier_runs_their_names() -> None:
    earlier = {"model": {"triples": {"batch_size": 2048}}}
    later = {"model": {"triples": {"batch_size": 2048, "rules": None, "rule_weight": 0.0}}}
    ruled = {"model": {"triples": {"batch_size": 2048, "rules": "rules.csv", "rule_weight": 0.5}}}
    assert settings_of_run(later) == settings_of_run(earlier)
    assert len(settings_of_run(ruled)) == 3


def test_a_run_that_goes_on_tells_what_changed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run = RunFolder(tmp_path / "run")
    run.start("seed: 0", 0, {"dataset": "a", "graph": None})
    assert run.read_env()["data"] == {"dataset": "a", "graph": None}
    run.start("seed: 0", 0, {"dataset": "a", "graph": "b"})
    assert not caplog.records  # what was not recorded before cannot be said to have changed
    run.start("seed: 0", 0, {"dataset": "c", "graph": "b"})
    assert [record.message for record in caplog.records] == [
        f"{run.path} goes on with what an earlier start left, but since then: dataset a → c"
    ]


def test_changes_are_those_that_may_move_a_figure() -> None:
    before = {
        "python": "3.11",
        "packages": {"torch": "2.11", "numpy": None},
        "git": {"commit": "0123456789", "dirty": False},
        "host": {"accelerator": None, "torch_threads": 1, "memory_mb": 1},
    }
    now = {
        "python": "3.11",
        "packages": {"torch": "2.13", "numpy": "2"},
        "git": {"commit": "0123456789", "dirty": True},
        "host": {"accelerator": "a card", "torch_threads": 2, "memory_mb": 2},
        "data": {"dataset": "a"},
    }
    assert changes(before, now) == [
        "commit 0123456 → 0123456 with changes", "torch 2.11 → 2.13", "device CPU → a card", "threads 1 → 2",
    ]  # fmt: skip
    assert changes(before, before) == []
    assert changes({**before, "git": None}, now)[0].startswith("torch")
