"""Vectors of texts on disk: one file for an encoder, in which each text has a row, whatever its list."""

import fcntl
import hashlib
import json
import logging
import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from kgrec.errors import InputError

log = logging.getLogger(__name__)

_DIGEST_BYTES = 16


@dataclass(frozen=True)
class StoredRows:
    """What a file holds.

    Attributes:
        rows: ``[n, D]`` float32.
        row_of: digest of a text → its row.
        cost: what the encoder said of itself when it last read as many texts as ever.
        num_read: how many these were.
    """

    rows: Tensor = field(default_factory=lambda: torch.zeros(0, 0))
    row_of: Mapping[bytes, int] = field(default_factory=dict)
    cost: Mapping[str, float] = field(default_factory=dict)
    num_read: int = -1

    def find(self, texts: Sequence[str]) -> dict[str, int]:
        """Text → row, of those that are here."""
        rows = ((text, self.row_of.get(_digest(text))) for text in texts)
        return {text: row for text, row in rows if row is not None}

    def with_rows(self, texts: Sequence[str], rows: Tensor, cost: Mapping[str, float]) -> "StoredRows":
        """These rows and others; a text that is here already keeps its row."""
        here = self.find(texts)
        new = [number for number, text in enumerate(texts) if text not in here]
        digests = {_digest(texts[number]): len(self.rows) + place for place, number in enumerate(new)}
        both = torch.cat([self.rows, rows[new]]) if len(self.rows) else rows[new]
        newer = len(texts) >= self.num_read
        return StoredRows(
            both,
            {**self.row_of, **digests},
            dict(cost) if newer else self.cost,
            len(texts) if newer else self.num_read,
        )


class VectorStore:
    """The file of one encoder.

    A text is known by a digest of 128 bits, so the file holds no text. Rows are added and never dropped;
    delete the file to begin anew. Written under a temporary name and renamed, so a reader never sees half a
    file; two writers take turns, and neither loses the other's rows.

    Args:
        folder: of all stores.
        key: everything but the texts that changes a row.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self.path = folder / f"{hashlib.sha256(key.encode()).hexdigest()}.safetensors"

    def read(self) -> StoredRows:
        """What is there; nothing where there is no readable file."""
        if not self.path.is_file():
            return StoredRows()
        try:
            with safe_open(self.path, framework="pt") as file:
                told = json.loads(file.metadata()["store"])
                digests = file.get_tensor("digests").numpy().tobytes()
                starts = range(0, len(digests), _DIGEST_BYTES)
                row_of = {digests[start : start + _DIGEST_BYTES]: row for row, start in enumerate(starts)}
                return StoredRows(file.get_tensor("rows"), row_of, told["cost"], told["num_read"])
        except (OSError, SafetensorError) as error:
            log.warning("cache file %s cannot be read (%s); encoding again", self.path, error)
            return StoredRows()

    def check_writable(self) -> None:
        """Make the folder.

        Raises:
            InputError: it cannot be written.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            probe = self._temporary()
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise self._unwritable(error) from error

    def add(self, texts: Sequence[str], rows: Tensor, cost: Mapping[str, float]) -> StoredRows:
        """Add rows to those that are there by now.

        Args:
            texts: distinct ones.
            rows: ``[n, D]`` float32.
            cost: of the encoder, see :data:`kgrec.text.encoder.Cost`.

        Returns:
            All rows of the file.

        Raises:
            InputError: the folder cannot be written, or the disk is full; the older file stays.
        """
        temporary = self._temporary()
        try:
            with self._alone():
                stored = self.read().with_rows(texts, rows, cost)
                digests = torch.from_numpy(np.frombuffer(b"".join(stored.row_of), np.uint8).copy())
                told = json.dumps({"cost": dict(stored.cost), "num_read": stored.num_read})
                tensors = {"rows": stored.rows.contiguous(), "digests": digests}
                save_file(tensors, temporary, metadata={"store": told})
                temporary.replace(self.path)
        except (OSError, SafetensorError) as error:
            raise self._unwritable(error) from error
        finally:
            temporary.unlink(missing_ok=True)
        return stored

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Within it no other process writes to the folder; a process that dies lets go of it."""
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)

    def _temporary(self) -> Path:
        return self.path.with_name(f".{uuid.uuid4().hex}.tmp")

    def _unwritable(self, error: Exception) -> InputError:
        return InputError(
            f"{self.path.parent}: cannot write the text cache ({error}); set paths.cache to a writable folder"
        )


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:_DIGEST_BYTES]
