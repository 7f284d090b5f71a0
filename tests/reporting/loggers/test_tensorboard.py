"""The event file, read back with TensorBoard's own reader."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kgrec.errors import InputError
from kgrec.reporting.loggers.base import RunInfo
from kgrec.reporting.loggers.tensorboard import TensorBoardLogger
from kgrec.reporting.run_folder import RunFolder

LogJob = Callable[..., RunFolder]


def events(run: RunFolder) -> Any:
    reader = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator", reason="tensorboard is not installed"
    )
    found = reader.EventAccumulator(str(run.path / "tensorboard"))
    return found.Reload()


def scalars(found: Any, name: str) -> list[tuple[int, float]]:
    return [(event.step, pytest.approx(event.value)) for event in found.Scalars(name)]


def text(found: Any, name: str) -> str:
    (event,) = found.Tensors(f"{name}/text_summary")
    return event.tensor_proto.string_val[0].decode()


def test_epochs_summary_settings_and_exhibits(tmp_path: Path, log_job: LogJob) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    found = events(log_job(TensorBoardLogger(show=True), tmp_path / "run", range(1, 4)))
    assert scalars(found, "train/loss") == [(1, 1.0), (2, 0.5), (3, 1 / 3)]  # the summary's stands elsewhere
    assert scalars(found, "summary/train/loss") == [(3, 0.5)]
    assert scalars(found, "summary/test/recall@20") == [(3, 0.25)]
    assert '"dataset": "1c0ffee1c0ffee"' in text(found, "settings")
    assert '"model.dims": [' in text(found, "settings")
    assert r"✓ Alien · Big \| Small" in text(found, "examples")
    (image,) = found.Images("curve/x")
    assert (image.height, image.width) == (450, 700)
    (histogram,) = found.Histograms("graph_share/items")
    assert histogram.histogram_value.num == 3


def test_a_resumed_run_replaces_its_steps(tmp_path: Path, log_job: LogJob) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    logger = TensorBoardLogger(show=False)
    for epochs in (range(1, 5), range(3, 6)):
        run = log_job(logger, tmp_path / "run", epochs)
    assert [step for step, _ in scalars(events(run), "train/loss")] == [1, 2, 3, 4, 5]
    other = log_job(logger, tmp_path / "other", range(1, 3))
    assert [step for step, _ in scalars(events(other), "train/loss")] == [1, 2]


def test_without_tensorboard_one_line_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "torch.utils.tensorboard", raising=False)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(InputError, match=r"needs tensorboard: pip install 'kgrec\[tensorboard\]'"):
        TensorBoardLogger(show=True).start(RunFolder(tmp_path), RunInfo({}, "run", "group", "train"))
