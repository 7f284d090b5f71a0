"""The command line: what is printed, what is left behind, which exit code is returned."""

import csv
import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kgrec.build import options
from kgrec.cli import COMMANDS, main
from kgrec.kg.rdf import read_statements
from kgrec.reporting.run_folder import RunFolder

PLANTED = ["data=planted", "lm=hashing", "logger=none", "train.max_epochs=1", "test=false"]


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KGREC_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("KGREC_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("RANK", raising=False)
    return tmp_path


def output(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    capsys.readouterr()
    assert main(arguments) == code
    return capsys.readouterr().out


def test_help_names_every_command_and_is_quick(capsys: pytest.CaptureFixture[str]) -> None:
    shown = output(capsys, "--help")
    assert shown == output(capsys)
    assert all(f"  {command} " in shown for command in COMMANDS)
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "kgrec", "--help"], check=True, capture_output=True)
    assert time.perf_counter() - start < 1.0


@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "reproduce"])
def test_help_of_a_command_has_a_description_and_an_example(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        main([command, "--help"])
    assert exit_.value.code == 0
    shown = capsys.readouterr().out
    description, _, example = shown.partition("example:")
    assert len(description.splitlines()) > 5
    assert f"kgrec {command} " in example


def test_help_of_train_lists_groups_and_options(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["fusion", *", ".join(options("fusion")).split()] in lines
    assert ["kg", *", ".join(options("kg")).split()] in lines
    assert any(line[:1] == ["data/split"] for line in lines)


def test_train_prints_the_main_figures_and_the_folder(capsys: pytest.CaptureFixture[str]) -> None:
    shown = output(capsys, "train", *PLANTED, "model=popularity")
    summary = RunFolder(Path(shown.splitlines()[-1])).read_summary()
    rows = {line.split()[0]: line.split()[1:] for line in shown.splitlines()[2:] if line}
    assert rows["cold/recall@20"] == [f"{summary['valid/cold/recall@20']:.4f}", "–"]
    assert list(rows)[:6] == [
        "cold/recall@20", "cold/ndcg@20", "cold/mrr@20", "recall@20", "ndcg@20", "mrr@20",
    ]  # fmt: skip


def test_a_failing_job_does_not_stop_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    shown = output(
        capsys, "train", "-m", *PLANTED, "model=popularity,bpr_mf", "train.batch_size=0,64", code=1
    )
    table, _, failures = shown.partition("\n\n")
    assert len(table.splitlines()) == 2 + 4
    assert len(failures.strip().splitlines()) == 2 + 2
    assert "train.batch_size: found 0, expected at least 1" in failures
    assert len(list(Path("runs").rglob("summary.json"))) == 2
    assert "data=planted" not in table  # what all jobs share is not repeated


def test_jobs_of_a_multirun_are_the_runs_of_single_commands(capsys: pytest.CaptureFixture[str]) -> None:
    output(capsys, "train", "--multirun", *PLANTED, "model=popularity", "seed=0,1")
    names = {path.name for path in Path("runs/default").iterdir()}
    alone = output(capsys, "train", *PLANTED, "model=popularity", "seed=1").splitlines()[-1]
    assert Path(alone).name in names
    assert len(names) == 2


def test_offline_wandb_has_one_run_for_each_job_of_a_group() -> None:
    settings = [setting for setting in PLANTED if not setting.startswith("logger")]
    command = [sys.executable, "-m", "kgrec", "train", "-m", *settings, "model=popularity", "seed=0,1"]
    # A process and an environment of its own, as for a user: W&B leaves its state in both.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WANDB")}
    environment["WANDB_MODE"] = "offline"
    done = subprocess.run([*command, "group=both"], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    runs = list(Path("runs/both").iterdir())
    assert len(runs) == 2
    assert all(len(list(run.glob("wandb/offline-run-*/*.wandb"))) == 1 for run in runs)


def test_compare_means_over_seeds_and_hides_what_follows_from_the_choices(
    capsys: pytest.CaptureFixture[str],
) -> None:
    output(capsys, "train", "-m", *PLANTED, "model=popularity,random", "seed=0,1")
    rows = list(csv.DictReader(io.StringIO(output(capsys, "compare", "runs", "--format", "csv"))))
    assert {row["choices.model"] for row in rows} == {"popularity", "random"}
    assert [row["runs"] for row in rows] == ["2", "2"]
    assert set(rows[0]) == {
        "choices.model", "runs", "valid/cold/recall@20", "valid/cold/recall@20/sd",
        "cost/new_item_params", "cost/new_item_params/sd", "cost/train_s", "cost/train_s/sd",
    }  # fmt: skip
    markdown = output(capsys, "compare", "runs", "--format", "markdown", "--metrics", "valid/recall@10")
    assert markdown.startswith("## Means\n\n| choices.model")
    assert markdown == output(capsys, "compare", "runs", "--metrics", "valid/recall@10")


def test_compare_keeps_a_setting_that_differs_within_a_choice(capsys: pytest.CaptureFixture[str]) -> None:
    output(capsys, "train", "-m", *PLANTED, "model=popularity,random", "data.split.test_fraction=0.2,0.3")
    shown = output(capsys, "compare", "runs", "--format", "text", "--metrics", "valid/recall@10")
    assert shown.splitlines()[2].split()[:2] == ["choices.model", "data.split.test_fraction"]


def test_compare_tests_effects_curves_and_files(capsys: pytest.CaptureFixture[str]) -> None:
    output(capsys, "train", "-m", *PLANTED, "model=popularity,random", "seed=0,1", "group=both")
    asked = ["compare", "both", "--reference", "model=random", "--effects"]
    shown = output(capsys, *asked, "--curves", "curves.png")
    assert "Reference: model=random." in shown
    assert [line for line in shown.splitlines() if line.startswith("| model=popularity")]
    assert [line for line in shown.splitlines() if line.startswith("| model ")]
    assert Path("curves.png").read_bytes().startswith(b"\x89PNG")
    assert output(capsys, *asked, "--out", "all.html") == "all.html\n"
    assert "Learning curves" in Path("all.html").read_text()
    assert output(capsys, *asked, "--out", "t.csv").split() == ["t.csv", "t-differences.csv", "t-effects.csv"]


def test_compare_tells_in_what_two_runs_differ(capsys: pytest.CaptureFixture[str]) -> None:
    runs = [output(capsys, "train", *PLANTED, "model=random", f"seed={seed}").split()[-1] for seed in "01"]
    shown = output(capsys, "compare", "--differ", *runs, "--format", "csv")
    assert "\nseed,0,1\n" in shown
    assert "\ndata.dataset," in shown
    assert main(["compare", "--differ", "runs/default"]) == 2
    assert "--differ: found 1 folders, expected two runs" in capsys.readouterr().err


def test_rerun_gives_the_same_figures_and_tells_what_changed(capsys: pytest.CaptureFixture[str]) -> None:
    run = Path(output(capsys, "train", *PLANTED, "model=lightgcn", "kg=full").split()[-1])
    again = output(capsys, "rerun", str(run))
    assert "moved by more than 0.001: none" in again
    assert Path("runs/default-again", run.name, "summary.json").is_file()
    env = json.loads((run / "env.json").read_text())
    env["packages"]["numpy"], env["data"]["dataset"] = "1.0", "1c0ffee"
    (run / "env.json").write_text(json.dumps(env))
    summary = json.loads((run / "summary.json").read_text())
    (run / "summary.json").write_text(json.dumps(summary | {"valid/recall@10": 0.9}))
    told = output(capsys, "rerun", str(run), "--into", "moved", code=1)
    assert "  numpy 1.0 → " in told
    assert "  dataset 1c0ffee → " in told
    assert told.endswith("moved by more than 0.001: valid/recall@10\n")
    output(capsys, "rerun", str(run), "--into", "moved", "--tolerance", "1")


def test_rerun_of_a_run_whose_logger_has_moved_since(capsys: pytest.CaptureFixture[str]) -> None:
    run = Path(output(capsys, "train", *PLANTED, "model=popularity").split()[-1])
    config = (run / "config.yaml").read_text()
    moved = config.replace("kgrec.reporting.loggers.none.NoLogger", "kgrec.reporting.logger.NoLogger")
    assert moved != config
    (run / "config.yaml").write_text(moved)
    assert "moved by more than 0.001: none" in output(capsys, "rerun", str(run))


def test_rerun_refuses_what_it_cannot_repeat(capsys: pytest.CaptureFixture[str]) -> None:
    run = Path(output(capsys, "train", *PLANTED, "model=popularity").split()[-1])
    for arguments, message in (
        (["runs"], "runs/config.yaml: found no such file, expected the folder of a run"),
        ([str(run), "--into", "default"], "found the run's own group"),
        ([str(run), "--tolerance", "-1"], "--tolerance: found -1.0, expected 0 or more"),
    ):
        assert main(["rerun", *arguments]) == 2
        assert message in capsys.readouterr().err
    (run / "summary.json").unlink()
    assert main(["rerun", str(run)]) == 2
    assert "found a run that is not finished" in capsys.readouterr().err


def test_a_finished_run_of_other_versions_says_so(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    run = Path(output(capsys, "train", *PLANTED, "model=popularity").split()[-1])
    env = json.loads((run / "env.json").read_text())
    (run / "env.json").write_text(json.dumps(env | {"python": "2.7"}))
    caplog.set_level("INFO")
    output(capsys, "train", *PLANTED, "model=popularity")
    assert "is finished: nothing to do; since then: python 2.7 → 3" in caplog.text


def test_a_finished_run_of_other_files_says_so(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    rows = [f"u{user},i{item}\n" for user in range(12) for item in range(12) if (user + item) % 3]
    table = Path("own.csv")
    table.write_text("user,item\n" + "".join(rows))
    command = ["train", "data=custom", "data.source.interactions=own.csv", "model=popularity", "logger=none"]
    output(capsys, *command)
    caplog.set_level("INFO")
    output(capsys, *command)
    assert caplog.text.endswith("is finished: nothing to do\n")
    table.write_text("user,item\n" + "".join(rows[1:]))
    output(capsys, *command)
    assert "is finished: nothing to do; since then: data.source.interactions " in caplog.text


def test_wandb_sync_needs_runs_and_an_account(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, workplace: Path
) -> None:
    monkeypatch.setenv("NETRC", str(workplace / "none"))
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    folders = [Path("runs/g/run/wandb", f"offline-run-{name}") for name in ("1-a", "2-a", "3-b")]
    for folder in folders:
        folder.mkdir(parents=True)
    (folders[2] / "run-b.wandb.synced").touch()
    assert output(capsys, "wandb", "sync", "g", "--dry-run").split() == [str(path) for path in folders[:2]]
    assert main(["wandb", "sync", "g"]) == 2
    assert "found no W&B account on this machine" in capsys.readouterr().err
    (workplace / "empty").mkdir()
    assert main(["wandb", "sync", "empty"]) == 2
    assert "empty: found no offline W&B run" in capsys.readouterr().err


def test_data_stats_and_doctor(capsys: pytest.CaptureFixture[str]) -> None:
    assert "1,200 triples" in output(capsys, "data", "stats", "data=planted")
    report = output(capsys, "data", "doctor", "data=planted")
    assert report.startswith("planted: 0 problems found")
    assert output(capsys, "data", "fetch", "data=planted").strip().endswith("planted")


def test_the_doctor_fails_on_a_sick_dataset(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [f"u{user},i{item}\n" for user in range(6) for item in range(6)]
    Path("twice.csv").write_text("user,item\n" + "".join(rows) + rows[0])
    custom = ["data=custom", "data.source.interactions=twice.csv"]
    assert "! 1 interactions repeat a pair" in output(capsys, "data", "doctor", *custom, code=1)


def test_kg_stats_show_and_export(capsys: pytest.CaptureFixture[str]) -> None:
    assert json.loads(output(capsys, "kg", "stats", "data=planted"))["triples"] == 1200
    by_title = output(capsys, "kg", "show", "Thing 3", "data=planted")
    assert by_title == output(capsys, "kg", "show", "i3", "data=planted")
    assert by_title == output(capsys, "kg", "show", "thing/3", "data=planted")
    assert "made_by → maker/" in by_title
    assert "1,200 triples, 300 labels" in output(capsys, "kg", "export", "out.ttl", "data=planted")
    assert len(read_statements(Path("out.ttl"))) == 1500


def test_kg_reads_the_graph_of_the_arm(capsys: pytest.CaptureFixture[str]) -> None:
    assert json.loads(output(capsys, "kg", "stats", "data=planted", "kg=none"))["triples"] == 0


def test_a_reader_that_goes_away_is_no_error() -> None:
    command = f"{sys.executable} -m kgrec kg stats data=planted | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout == "{\n"
    assert done.stderr == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a disk that is always full")
def test_output_that_cannot_be_written_is_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "kgrec", "kg", "stats", "data=planted"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.returncode == 2
    assert done.stderr == "kgrec kg: No space left on device\n"


def test_other_processes_of_a_job_are_silent(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    output(capsys, "train", *PLANTED, "model=popularity")
    monkeypatch.setenv("RANK", "1")
    assert output(capsys, "train", *PLANTED, "model=popularity") == ""
    assert os.environ["RANK"] == "1"
