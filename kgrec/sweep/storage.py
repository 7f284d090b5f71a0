"""Where a sweep is kept: an Optuna storage in one file, and locks that die with their process."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import optuna
from filelock import FileLock, Timeout
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend

from kgrec.errors import InputError

optuna.logging.set_verbosity(optuna.logging.WARNING)  # the sweep reports on trials by itself

FILES = {"journal": "sweep.journal", "sqlite": "sweep.sqlite"}
"""Kind of storage → its file; the journal also serves folders that several machines share."""

SECONDS_TO_WAIT = 60
"""For other workers that write to an SQLite file."""


def kind_in(folder: Path) -> str | None:
    """The kind of storage that a folder holds; ``None`` where it holds none."""
    return next((kind for kind, file in FILES.items() if (folder / file).is_file()), None)


def open_storage(folder: Path, kind: str) -> BaseStorage:
    """Open the storage of a sweep; it is made where there is none.

    Args:
        folder: of the sweep.
        kind: one of :data:`FILES`.

    Raises:
        InputError: the file cannot be read or written.
    """
    path = folder / FILES[kind]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if kind == "journal":
            return JournalStorage(JournalFileBackend(str(path)))
        arguments = {"connect_args": {"timeout": SECONDS_TO_WAIT}}
        return RDBStorage(f"sqlite:///{path}", engine_kwargs=arguments)
    except Exception as error:  # whatever the libraries below raise for a file that is none of theirs
        reason = " ".join(str(error).split()).partition(" (Background")[0]
        raise InputError(f"{path}: cannot be opened as the storage of a sweep ({reason})") from error


class Locks:
    """Locks of one sweep, in ``<folder>/.locks``.

    Each is a lock of the operating system on a file, so it is gone with its process, however that ended.

    Args:
        folder: of the sweep.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / ".locks"

    def held(self, name: str) -> FileLock:
        """A lock to be held for the time of a ``with`` block; waits for whoever holds it."""
        self._folder.mkdir(parents=True, exist_ok=True)
        return FileLock(self._folder / f"{name}.lock")

    @contextmanager
    def worker(self) -> Iterator[str]:
        """Be a worker whom others see to be alive.

        Yields:
            The worker's name.
        """
        name = f"worker-{secrets.token_hex(4)}"
        with self.held(name):
            yield name
        self._path(name).unlink(missing_ok=True)

    def is_alive(self, worker: str) -> bool:
        """Whether a worker still runs, on this machine or on one that shares the folder and its locks."""
        path = self._path(worker)
        if not path.is_file():
            return False
        lock = FileLock(path)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            return True
        lock.release()
        path.unlink(missing_ok=True)
        return False

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.lock"
