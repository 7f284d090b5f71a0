import time
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from omegaconf import OmegaConf

from kgrec.build import build
from kgrec.errors import InputError
from kgrec.reporting.loggers.base import RunLogger
from kgrec.reporting.run_folder import RunFolder

CONF = Path(__file__).parents[2] / "conf" / "logger"


@pytest.fixture(autouse=True)
def no_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine where nobody has logged in to W&B, and an empty working directory."""
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_DIR", "NETRC"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "home").mkdir()
    (tmp_path / "cwd").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "cwd")
    yield
    assert not list((tmp_path / "cwd").iterdir())


def job(logger: RunLogger, folder: Path, epochs: range) -> RunFolder:
    run = RunFolder(folder)
    run.write("config.yaml", b"")
    with logger:
        logger.start(run, {"lr": 0.1}, folder.name, "group", "train", ["tag"], seed=0)
        for epoch in epochs:
            logger.log({"epoch": epoch, "train/loss": 1 / epoch}, step=epoch)
        logger.summary({"test/recall@20": 0.25})
    return run


def wandb_runs(run: RunFolder) -> list[Path]:
    return sorted((run.path / "wandb").glob("offline-run-*"))


def wandb_id(folder: Path) -> str:
    """The folder of a run holds ``run-<id>.wandb``."""
    return next(folder.glob("*.wandb")).stem.removeprefix("run-")


def wait_for(path: Path, *parts: bytes) -> None:
    """W&B's own process writes the file, and on a busy machine it ends after ``finish`` has returned."""
    last = time.monotonic() + 30
    while missing := [part for part in parts if part not in path.read_bytes()]:
        assert time.monotonic() < last, f"{path.name} never got {missing}"
        time.sleep(0.05)


@pytest.mark.slow
def test_wandb_offline_two_jobs_are_two_runs_inside_their_folders(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    logger = WandbLogger(project="kgrec-test", entity=None, mode="auto")
    runs = [job(logger, tmp_path / "runs" / name, range(1, 4)) for name in ("one", "two")]
    ids = []
    for run in runs:
        [folder] = wandb_runs(run)
        ids.append(wandb_id(folder))
        wait_for(next(folder.glob("*.wandb")), b"train/loss", b"test/recall@20")
    assert ids[0].startswith("one-")
    assert ids[1].startswith("two-")
    captured = capfd.readouterr()
    assert captured.out == captured.err == ""
    assert caplog.records == []


@pytest.mark.slow
def test_wandb_a_resumed_job_stays_the_same_run(tmp_path: Path) -> None:
    for epochs in (range(1, 3), range(2, 4)):
        run = job(WandbLogger("kgrec-test", None, "offline"), tmp_path / "runs" / "one", epochs)
    folders = wandb_runs(run)
    assert len(folders) == 2
    assert len({wandb_id(folder) for folder in folders}) == 1


def test_wandb_auto_mode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logger = WandbLogger("kgrec-test", None, "auto")
    assert logger._resolved_mode() == "offline"
    (tmp_path / "home" / ".netrc").write_text("machine elsewhere.example login user password secret\n")
    assert logger._resolved_mode() == "offline"
    (tmp_path / "home" / ".netrc").write_text("machine api.wandb.ai login user password secret\n")
    assert logger._resolved_mode() == "online"
    (tmp_path / "home" / ".netrc").unlink()
    monkeypatch.setenv("WANDB_API_KEY", "secret")
    assert logger._resolved_mode() == "online"
    monkeypatch.setenv("WANDB_MODE", "disabled")
    assert logger._resolved_mode() == "disabled"
    assert WandbLogger("kgrec-test", None, "offline")._resolved_mode() == "offline"


def test_wandb_that_fails_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import wandb

    def fail(**_: object) -> None:
        raise wandb.errors.CommError("no route\nto host")

    monkeypatch.setattr(wandb, "init", fail)
    job(WandbLogger("kgrec-test", None, "online"), tmp_path / "runs" / "one", range(1, 3))
    [record] = caplog.records
    assert record.levelname == "WARNING"
    assert "W&B could not start (no route to host); going on without it" in record.message


def test_wandb_unknown_mode_is_refused() -> None:
    with pytest.raises(InputError, match="found 'on', expected one of auto, online, offline, disabled"):
        WandbLogger("kgrec-test", None, "on")


def test_csv_has_a_row_per_epoch(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    with CsvLogger() as logger:
        logger.start(run, {}, "run", "group", "train", [], seed=0)
        logger.log({"epoch": 1, "train/loss": 0.5}, step=1)
        logger.log({"epoch": 2, "train/loss": 0.25, "valid/recall@20": 0.1}, step=2)
    assert pl.read_csv(run.path / "metrics.csv").to_dicts() == [
        {"step": 1, "epoch": 1, "train/loss": 0.5, "valid/recall@20": None},
        {"step": 2, "epoch": 2, "train/loss": 0.25, "valid/recall@20": 0.1},
    ]


def test_csv_a_resumed_run_replaces_its_rows(tmp_path: Path) -> None:
    for epochs in (range(1, 5), range(3, 6)):
        run = job(CsvLogger(), tmp_path / "run", epochs)
    assert pl.read_csv(run.path / "metrics.csv")["step"].to_list() == [1, 2, 3, 4, 5]


def test_csv_one_logger_serves_one_run_after_the_other(tmp_path: Path) -> None:
    logger = CsvLogger()
    runs = [job(logger, tmp_path / name, range(1, 3)) for name in ("one", "two")]
    assert [pl.read_csv(run.path / "metrics.csv").height for run in runs] == [2, 2]


def test_csv_a_foreign_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_bytes(b"")
    with pytest.raises(InputError, match="not a table as this logger writes it"):
        job(CsvLogger(), tmp_path, range(1, 2))


def test_none_leaves_nothing(tmp_path: Path) -> None:
    run = job(NoLogger(), tmp_path / "run", range(1, 3))
    assert [path.name for path in run.path.iterdir()] == ["config.yaml"]


def test_a_failed_job_is_finished_as_failed(tmp_path: Path) -> None:
    ends: list[bool] = []

    class Spy(NoLogger):
        def finish(self, failed: bool = False) -> None:
            ends.append(failed)

    with pytest.raises(RuntimeError), Spy():
        raise RuntimeError
    job(Spy(), tmp_path / "run", range(1, 2))
    assert ends == [True, False]


@pytest.mark.parametrize("path", sorted(CONF.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_config_builds_a_logger(path: Path) -> None:
    assert isinstance(build(OmegaConf.load(path)), RunLogger)
