"""A group sent by the logger and read back by W&B's own client, through a stand-in of its server."""

import socket
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from kgrec.cli import main
from kgrec.reporting.loggers.base import RunInfo
from kgrec.reporting.loggers.wandb import KEPT, WandbLogger
from kgrec.reporting.run_folder import RunFolder

GROUP = "wandb:kgrec-test/encoders"


def send(folder: Path, seed: int, lm: str, values: list[float] | None) -> RunFolder:
    """A run that leaves all files of a run folder, or only its beginning where there are no values."""
    run = RunFolder(folder)
    config = {"seed": seed, "group": folder.parent.name, "choices": {"lm": lm}}
    with WandbLogger("kgrec-test", None, "online", [], "", False, 0) as logger:
        run.start(yaml.safe_dump(config), seed)
        logger.start(run, RunInfo(config, run.name, folder.parent.name, "train"))
        row = {"epoch": 1, "train/loss": 0.5 + seed}
        run.append_metrics(row)
        logger.log(row, step=1)
        if values is not None:
            mean = sum(values) / len(values)
            summary = {"test/recall@20": mean, "protocol/split": "cold_item", "cost/train_s": 1.5}
            run.write_per_user(pl.DataFrame({"user": ["a", "b", "c"], "test/recall@20": values}))
            run.write_summary(summary)
            logger.summary(summary)
    return run


@pytest.mark.slow
@pytest.mark.usefixtures("account")
def test_what_is_read_back_is_the_run_folder(
    tmp_path: Path, wandb_server: Any, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    values = {
        "lm=a-seed=0": [0.1, 0.2, 0.3],
        "lm=a-seed=1": [0.2, 0.2, 0.4],
        "lm=[b]-seed=0": [0.5, 0.1, 0.9],
        "lm=[b]-seed=1": [0.4, 0.3, 0.8],
    }
    group = tmp_path / "elsewhere" / "encoders"
    for name, each in values.items():
        send(group / name, int(name[-1]), name[3:-7], each)
    send(group / "stopped", 3, "a", None)
    asked = ["--reference", "lm=a", "--effects"]

    assert main(["compare", GROUP, *asked]) == 0
    fetched = capfd.readouterr().out
    assert "1 of 5 runs are not finished" in caplog.text
    assert main(["compare", str(group), *asked]) == 0
    assert fetched.splitlines()[1:] == capfd.readouterr().out.splitlines()[1:]
    folders = sorted(Path("runs/wandb-someone/kgrec-test/encoders").iterdir())
    assert [folder.name.rpartition("-")[0] for folder in folders] == sorted(values)
    for folder in folders:
        original = group / folder.name.rpartition("-")[0]
        assert sorted(path.name for path in folder.iterdir()) == sorted(KEPT)
        assert all((folder / name).read_bytes() == (original / name).read_bytes() for name in KEPT)
    sent = len(wandb_server.downloads)
    assert sent == len(values) * len(KEPT)
    assert main(["compare", "wandb:someone/kgrec-test/encoders"]) == 0
    assert len(wandb_server.downloads) == sent  # nothing is fetched twice
    assert main(["report", GROUP]) == 0
    assert Path("runs/wandb-someone/kgrec-test/encoders/report.html").is_file()


@pytest.mark.slow
@pytest.mark.usefixtures("account")
def test_a_run_with_a_file_that_was_not_sent_is_left_out(
    tmp_path: Path, wandb_server: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    send(tmp_path / "elsewhere" / "encoders" / "one", 0, "a", [0.1, 0.2, 0.3])
    ((name, files),) = wandb_server.files.items()
    for missing in ("", "one/per_user.parquet"):
        wandb_server.files[name] = {**files, missing: b""}
        if not missing:
            del wandb_server.files[name]["one/summary.json"]
        capfd.readouterr()
        assert main(["compare", GROUP]) == 2
        assert "found 1 runs, none of them finished with its config.yaml, env.json" in capfd.readouterr().err
        assert not Path("runs").exists()
    wandb_server.files[name] = files
    assert main(["compare", GROUP]) == 0
    assert main(["compare", "wandb:kgrec-test/other"]) == 2
    assert "wandb:kgrec-test/other: found 0 runs" in capfd.readouterr().err
    for project in ("elsewhere", "another/kgrec-test"):
        assert main(["compare", f"wandb:{project}/encoders"]) == 2
        error = capfd.readouterr().err
        assert error.startswith(f"kgrec compare: wandb:{project}/encoders: cannot be read (Could not find")
        assert error.count("\n") == 1


@pytest.mark.usefixtures("account")
def test_no_account_and_a_malformed_name(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("wandb:encoders", "wandb:a/b/c/d", "wandb:kgrec/..", "wandb:/kgrec/g"):
        assert main(["compare", name]) == 2
        assert f"{name}: found" in capfd.readouterr().err
    monkeypatch.delenv("WANDB_API_KEY")
    assert main(["compare", GROUP]) == 2
    assert "found no W&B account on this machine" in capfd.readouterr().err
    assert not Path("runs").exists()


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("command", [["compare", GROUP], ["wandb", "sync", "encoders"]])
def test_a_server_that_does_not_answer(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "cwd" / "runs" / "encoders" / "one" / "wandb" / "offline-run-1").mkdir(parents=True)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}"
        monkeypatch.setenv("WANDB_BASE_URL", address)
        assert main(command) == 2
    error = capfd.readouterr().err
    assert f"found no answer from the W&B server at {address} (" in error
    assert error.count("\n") == 1


@pytest.mark.usefixtures("account")
def test_a_key_that_the_server_does_not_know(wandb_server: Any, capfd: pytest.CaptureFixture[str]) -> None:
    wandb_server.knows_key = False
    assert main(["compare", GROUP]) == 2
    error = capfd.readouterr().err
    assert error.startswith(f"kgrec compare: {GROUP}: cannot be read (")
    assert error.endswith("; expected a key that the server knows\n")
    assert error.count("\n") == 1
