import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from torch import nn

from kgrec.errors import InputError
from kgrec.training.checkpoint import Checkpoint, Snapshot, copy_weights

SETTINGS = {"seed": "0"}


def snapshot(model: nn.Module, epoch: int) -> Snapshot:
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    best = {name: tensor + epoch for name, tensor in copy_weights(model).items()}
    return Snapshot(best, copy_weights(model), optimizer.state_dict(), {"epoch": epoch}, SETTINGS)


def equal(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Checkpoint:
    return Checkpoint(tmp_path / "run" / "checkpoint")


def test_a_snapshot_goes_round(checkpoint: Checkpoint) -> None:
    model = nn.Linear(3, 2)
    stored = snapshot(model, 4)
    checkpoint.save(model, stored)
    loaded = checkpoint.load(nn.Linear(3, 2), SETTINGS)
    assert loaded is not None
    assert equal(loaded.best, stored.best)
    assert equal(loaded.last, stored.last)
    assert loaded.progress == {"epoch": 4}
    moments = loaded.optimizer["state"][0]["exp_avg"]
    assert torch.equal(moments, stored.optimizer["state"][0]["exp_avg"])
    assert moments.any()


def test_there_may_be_none(checkpoint: Checkpoint) -> None:
    assert checkpoint.load(nn.Linear(3, 2), SETTINGS) is None
    with pytest.raises(InputError, match="train the run first"):
        checkpoint.load_best(nn.Linear(3, 2))


def test_weights_are_copies() -> None:
    model = nn.Linear(3, 2)
    weights = copy_weights(model)
    nn.init.zeros_(model.weight)
    assert weights["weight"].any()


def test_load_best(checkpoint: Checkpoint) -> None:
    model, other = nn.Linear(3, 2), nn.Linear(3, 2)
    stored = snapshot(model, 1)
    checkpoint.save(model, stored)
    checkpoint.load_best(other)
    assert equal(copy_weights(other), stored.best)


def test_another_model_is_refused_with_what_differs(checkpoint: Checkpoint) -> None:
    model = nn.Linear(3, 2)
    checkpoint.save(model, snapshot(model, 1))
    wider, other_class = nn.Linear(3, 4), nn.Bilinear(3, 3, 2)
    with pytest.raises(InputError, match=r"weight bias is \[2\] there and \[4\] here"):
        checkpoint.load(wider, SETTINGS)
    with pytest.raises(InputError, match=r"model is Linear there and Bilinear here"):
        checkpoint.load_best(other_class)


def test_other_settings_are_refused(checkpoint: Checkpoint) -> None:
    model = nn.Linear(3, 2)
    checkpoint.save(model, snapshot(model, 1))
    with pytest.raises(InputError, match="seed is 0 there and 1 here"):
        checkpoint.load(model, {"seed": "1"})


@pytest.mark.parametrize(
    "name", ["model.safetensors", "last/model.safetensors", "last/optimizer.pt", "last/progress.json"]
)
@pytest.mark.parametrize("content", [None, b"", b"garbage"])
def test_damage_is_named(checkpoint: Checkpoint, name: str, content: bytes | None) -> None:
    model = nn.Linear(3, 2)
    checkpoint.save(model, snapshot(model, 1))
    path = checkpoint.folder / name
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(InputError, match="damaged checkpoint"):
        checkpoint.load(model, SETTINGS)


class CrashError(BaseException):
    """Stands for the machine going down: nothing may catch it."""


@pytest.mark.parametrize("crash_at", range(1, 12))
def test_a_crash_at_any_file_operation_leaves_a_checkpoint(
    checkpoint: Checkpoint, crash_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = nn.Linear(3, 2)
    checkpoint.save(model, snapshot(model, 1))
    calls = 0

    def crash_in(real: object) -> object:
        def operation(*arguments: object, **named: object) -> object:
            nonlocal calls
            calls += 1
            if calls == crash_at:
                raise CrashError
            return real(*arguments, **named)  # type: ignore[operator]

        return operation

    with monkeypatch.context() as patch:
        for target in ("pathlib.Path.replace", "pathlib.Path.mkdir", "shutil.rmtree", "os.fsync"):
            owner, _, name = target.rpartition(".")
            module = {"pathlib.Path": Path}.get(owner) or __import__(owner)
            patch.setattr(module, name, crash_in(getattr(module, name)))
        try:
            checkpoint.save(model, snapshot(model, 2))
            crashed = False
        except CrashError:
            crashed = True
    assert crashed == (crash_at <= calls)
    survivor = Checkpoint(checkpoint.folder).load(model, SETTINGS)
    assert survivor is not None
    assert survivor.progress["epoch"] in ((1, 2) if crashed else (2,))
    checkpoint.save(model, snapshot(model, 3))  # and the next one finds nothing in its way
    after = checkpoint.load(model, SETTINGS)
    assert after is not None
    assert after.progress["epoch"] == 3
    assert sorted(path.name for path in checkpoint.folder.parent.iterdir()) == ["checkpoint"]


@contextmanager
def almost_full_disk() -> Iterator[None]:
    """Files may not grow beyond 100 bytes: writing fails with an OSError as on a full disk.

    No fixture: pytest's own output may go to a file, and must not be written while the limit holds.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_named_and_spares_the_old_one(checkpoint: Checkpoint) -> None:
    model = nn.Linear(3, 2)
    checkpoint.save(model, snapshot(model, 1))
    with almost_full_disk(), pytest.raises(InputError, match="cannot write the checkpoint"):
        checkpoint.save(model, snapshot(model, 2))
    survivor = checkpoint.load(model, SETTINGS)
    assert survivor is not None
    assert survivor.progress["epoch"] == 1


def test_an_unwritable_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file where the folder should be")
    model = nn.Linear(3, 2)
    with pytest.raises(InputError, match="cannot write the checkpoint"):
        Checkpoint(tmp_path / "run" / "checkpoint").save(model, snapshot(model, 1))
