"""Resumable checkpoints: the best weights, and all that a stopped training needs to go on.

Layout of the folder::

    model.safetensors        weights at the best evaluation: what evaluation and recommendation read
    last/model.safetensors   weights after the last stored epoch
    last/optimizer.pt        optimiser (and loss scaler) after that epoch
    last/progress.json       epoch, seconds, early stopping, history, and the settings they hang on

The folder is replaced as a whole, so best and last always belong together and a crash at any point
leaves a checkpoint that can be read. Random state is not among the files because nothing carries it
from epoch to epoch: every epoch draws from streams of its own (see :mod:`kgrec.seed`).
"""

import io
import json
import os
import pickle
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from kgrec.errors import InputError

Weights = dict[str, Tensor]
"""Parameters and persistent buffers by name, on the CPU."""

Fingerprint = dict[str, str]
"""What must be equal for a checkpoint to be of use: name → value."""

BEST = Path("model.safetensors")
LAST = Path("last") / "model.safetensors"
OPTIMIZER = Path("last") / "optimizer.pt"
PROGRESS = Path("last") / "progress.json"

DIFFERENCES_SHOWN = 4

UNREADABLE = (OSError, SafetensorError, ValueError, KeyError, EOFError, RuntimeError, pickle.UnpicklingError)
"""What the readers raise for a missing, cut or altered file."""


@dataclass(frozen=True)
class Snapshot:
    """A training between two epochs.

    Attributes:
        best: weights at the best evaluation.
        last: weights now.
        optimizer: state dict of tensors and plain values.
        progress: JSON types.
        settings: what the training cannot go on without, such as its seed and data.
    """

    best: Weights
    last: Weights
    optimizer: dict[str, Any]
    progress: dict[str, Any]
    settings: Fingerprint


def copy_weights(model: nn.Module) -> Weights:
    """The model's weights, copied to the CPU."""
    return {
        name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in model.state_dict().items()
    }


class Checkpoint:
    """The checkpoint of one run.

    Args:
        folder: made when the first snapshot is stored; its siblings ``<name>.new`` and ``<name>.old``
            are used while it is replaced.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._new = folder.with_name(folder.name + ".new")
        self._old = folder.with_name(folder.name + ".old")

    def save(self, model: nn.Module, snapshot: Snapshot) -> None:
        """Replace the stored snapshot by one of ``model``.

        Raises:
            InputError: the folder cannot be written or the disk is full; the stored one stays.
        """
        optimizer = io.BytesIO()
        torch.save(snapshot.optimizer, optimizer)
        label = {"model": type(model).__qualname__}
        contents = {
            BEST: save(snapshot.best, metadata=label),
            LAST: save(snapshot.last, metadata=label),
            OPTIMIZER: optimizer.getvalue(),
            PROGRESS: json.dumps({"settings": snapshot.settings, **snapshot.progress}).encode(),
        }
        try:
            self._recover()
            if self._new.exists():
                shutil.rmtree(self._new)
            for name, content in contents.items():
                _write(self._new / name, content)
            self._swap()
        except OSError as error:
            raise InputError(
                f"{self.folder}: cannot write the checkpoint ({error.strerror}); free some space or set "
                "paths.runs to a writable folder"
            ) from error

    def load(self, model: nn.Module, settings: Fingerprint) -> Snapshot | None:
        """The stored snapshot; ``None`` where there is none.

        Args:
            model: whose weights the snapshot must hold; it is not changed.
            settings: must equal those stored.

        Raises:
            InputError: the checkpoint is of another model or other settings, or damaged.
        """
        self._recover()
        if not self.folder.exists():
            return None
        best, last = self._read_weights(BEST, model), self._read_weights(LAST, model)
        try:
            optimizer = torch.load(self.folder / OPTIMIZER, map_location="cpu", weights_only=True)
            progress = json.loads((self.folder / PROGRESS).read_text())
            stored = progress.pop("settings")
        except UNREADABLE as error:
            raise self._damaged(error) from error
        self._compare(stored, settings)
        return Snapshot(best, last, optimizer, progress, settings)

    def load_best(self, model: nn.Module) -> None:
        """Give ``model`` the weights of the best evaluation.

        Raises:
            InputError: there is no checkpoint, it is of another model, or it is damaged.
        """
        self._recover()
        if not self.folder.exists():
            raise InputError(f"{self.folder}: no checkpoint here; train the run first")
        model.load_state_dict(self._read_weights(BEST, model))

    def _read_weights(self, name: Path, model: nn.Module) -> Weights:
        """Weights of one file, once class, names and shapes have been found to be those of ``model``."""
        try:
            with safe_open(self.folder / name, framework="pt") as file:
                stored_class = file.metadata()["model"]
                weights = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        except UNREADABLE as error:
            raise self._damaged(error) from error
        self._compare(
            _describe(stored_class, weights), _describe(type(model).__qualname__, model.state_dict())
        )
        return weights

    def _compare(self, stored: Fingerprint, expected: Fingerprint) -> None:
        differences = [
            f"{key} is {stored.get(key, 'missing')} there and {expected.get(key, 'missing')} here"
            for key in sorted(stored.keys() | expected.keys())
            if stored.get(key) != expected.get(key)
        ]
        if differences:
            more = len(differences) - DIFFERENCES_SHOWN
            text = "; ".join(differences[:DIFFERENCES_SHOWN]) + (f"; and {more} more" if more > 0 else "")
            raise InputError(
                f"{self.folder}: checkpoint of another model or run ({text}); restore the settings, or "
                "delete the folder to train anew"
            )

    def _damaged(self, error: Exception) -> InputError:
        reason = " ".join(str(error).split())
        return InputError(f"{self.folder}: damaged checkpoint ({reason}); delete the folder to train anew")

    def _swap(self) -> None:
        """Put the new folder in place of the old; :meth:`_recover` mends a crash between the two steps."""
        if self.folder.exists():
            self.folder.replace(self._old)
        self._new.replace(self.folder)
        if self._old.exists():
            shutil.rmtree(self._old)

    def _recover(self) -> None:
        """Finish what a crash left undone while the folder was replaced."""
        if not self._old.exists():
            return
        if self.folder.exists():
            shutil.rmtree(self._old)
        else:
            self._old.replace(self.folder)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())  # the rename must not reach the disk before the content


def _describe(model_class: str, weights: Mapping[str, Tensor]) -> Fingerprint:
    shapes = {f"weight {name}": str(list(tensor.shape)) for name, tensor in weights.items()}
    return {"model": model_class, **shapes}
