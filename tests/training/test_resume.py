"""A job that is killed, for real, and started again."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from training_job import METRIC, fit, make_dataset, make_model, make_trainer, train

from kgrec.reporting.run_folder import RunFolder

JOB = Path(__file__).with_name("training_job.py")


def wait_for_lines(path: Path, count: int) -> None:
    deadline = time.monotonic() + 120
    while not path.is_file() or path.read_bytes().count(b"\n") < count:
        assert time.monotonic() < deadline, "the job wrote no metrics"
        time.sleep(0.01)


@pytest.mark.slow
def test_a_killed_job_goes_on_to_the_very_same_numbers(tmp_path: Path) -> None:
    folder = tmp_path / "killed"
    job = subprocess.Popen(
        [sys.executable, str(JOB), str(folder), "0.4", "10", "0.3"], stdout=subprocess.PIPE
    )
    wait_for_lines(folder / "metrics.jsonl", 3)
    job.send_signal(signal.SIGKILL)
    job.communicate()
    assert 3 <= len(RunFolder(folder).read_metrics()) < 6

    resumed = subprocess.run(
        [sys.executable, str(JOB), str(folder), "0", "10", "0.3"], capture_output=True, text=True, check=True
    )
    assert "going on after epoch" in resumed.stderr
    expected = train(tmp_path / "whole", seconds_per_epoch=0, batch_size=10, dropout=0.3)
    assert json.loads(resumed.stdout) == expected  # losses, validation and weights, to the last bit
    assert RunFolder(folder).read_metrics() == expected["history"]
    assert len({row["train/loss"] for row in expected["history"]}) == 6


def test_rows_beyond_the_checkpoint_are_trained_again_and_not_doubled(tmp_path: Path) -> None:
    """Checkpoints at epochs 2 and 4, stopped in epoch 4: the third row is on disk, its weights are not."""

    class StopError(Exception):
        pass

    def stop_in_fourth(_: object) -> dict[str, float]:
        seen.append(1)
        if len(seen) == 4:
            raise StopError
        return {METRIC: len(seen) / 10}

    seen: list[int] = []
    run = RunFolder(tmp_path / "run")
    trainer = make_trainer(checkpoint_every=2)
    with pytest.raises(StopError):
        fit(trainer, make_model(make_dataset(), dropout=0.3), run, validate=stop_in_fourth)
    before = run.read_metrics()
    assert [row["epoch"] for row in before] == [1, 2, 3]
    model = make_model(make_dataset(), dropout=0.3)
    result = fit(trainer, model, run, validate=lambda _: {METRIC: 0.3})
    rows = run.read_metrics()
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert rows[2]["train/loss"] == before[2]["train/loss"]
    assert result.best_epoch == 3


def test_a_restart_before_the_first_checkpoint_begins_anew(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    run.reset_metrics([{"epoch": 1, "train/loss": 9.0}])
    result = fit(make_trainer(max_epochs=1), make_model(make_dataset()), run)
    assert run.read_metrics() == result.history
    assert result.history[0]["train/loss"] < 9.0


def test_time_adds_up_over_restarts(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")

    def slow(_: object) -> dict[str, float]:
        time.sleep(0.2)
        return {METRIC: 0.1}

    fit(make_trainer(max_epochs=2), make_model(make_dataset()), run, validate=slow)
    longer = fit(make_trainer(max_epochs=3), make_model(make_dataset()), run)
    assert longer.epochs == 3
    assert longer.seconds > 0.4
