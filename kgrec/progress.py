"""What a person at a terminal sees of work that takes long: bars, and a last line that tells what is done.

All of it is silent in pipes, files, notebooks and CI; there, logs tell what matters.
"""

import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, TextIO, TypeVar

T = TypeVar("T")

SECONDS_OF_SILENCE = 2.0
SECONDS_BETWEEN_DRAWINGS = 0.5
ERASE = "\r\x1b[K"

NOBODY = ("CI", "JPY_PARENT_PID")
"""Variables that are set where a terminal is only made to look like one: CI, and `!kgrec` in a notebook."""


def is_watched() -> bool:
    """Whether somebody sits at a terminal."""
    return sys.stderr.isatty() and not any(os.environ.get(name) for name in NOBODY)


def steps(items: Sequence[T], what: str, unit: str) -> "Sequence[T]":
    """The same items, with a bar where they take longer than :data:`SECONDS_OF_SILENCE`."""
    from tqdm import tqdm

    shown: Sequence[T] = tqdm(
        items,
        desc=what,
        unit=unit,
        disable=not is_watched(),
        delay=SECONDS_OF_SILENCE,
        dynamic_ncols=True,
    )
    return shown


def bar(total: int, done: int, unit: str, shown: bool) -> Any:
    """A bar that its owner moves: ``update()``, ``refresh()``, ``close()`` of tqdm.

    Args:
        total: steps of all.
        done: of these, finished in an earlier start.
        unit: of a step.
        shown: whether there is a bar at all.
    """
    from tqdm import tqdm

    return tqdm(total=total, initial=done, unit=unit, disable=not shown, dynamic_ncols=True, smoothing=0.1)


def doing(what: str) -> None:
    """Say what begins now; shown only if it is still going on after :data:`SECONDS_OF_SILENCE`."""
    if StatusLine.current is not None:
        StatusLine.current.begin(what)


@contextmanager
def another_speaks() -> Iterator[None]:
    """Within, a process that was started from here has the terminal: the line keeps away."""
    line = StatusLine.current
    if line is not None:
        line.rest(True)
    try:
        yield
    finally:
        if line is not None:
            line.rest(False)


class StatusLine:
    """Tells at a terminal what is being done, whenever nothing else has been written for a while.

    The line comes last, is drawn by a thread, and is gone before anything else is written. It keeps away
    while a bar stands there.

    Args:
        what: is done at first.
        speaks: whether this process may say anything.
    """

    current: "StatusLine | None" = None

    def __init__(self, what: str, speaks: bool = True) -> None:
        self._is_on = speaks and is_watched()
        self._what, self._since = what, time.monotonic()
        self._last_output = self._since
        self._is_drawn, self._at_line_start, self._rests = False, True, False
        self._lock, self._ended = threading.RLock(), threading.Event()
        self._streams = (sys.stdout, sys.stderr)
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "StatusLine":
        if self._is_on:
            StatusLine.current = self
            sys.stderr = _Watched(sys.stderr, self)
            if sys.stdout.isatty():
                sys.stdout = _Watched(sys.stdout, self)
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_on:
            StatusLine.current = None
            self._ended.set()
            self._thread.join()
            self._erase()
            sys.stdout, sys.stderr = self._streams

    def begin(self, what: str) -> None:
        """See :func:`doing`."""
        with self._lock:
            self._what, self._since = what, time.monotonic()

    def rest(self, rests: bool) -> None:
        """See :func:`another_speaks`."""
        with self._lock:
            self._erase()
            self._rests, self._last_output = rests, time.monotonic()

    def write(self, stream: TextIO, text: str) -> int:
        """Output of the program; the line gives way to it."""
        with self._lock:
            self._erase()
            self._last_output = time.monotonic()
            if text:
                self._at_line_start = text.endswith(("\n", "\r"))  # a bar leaves the cursor behind it
            return stream.write(text)

    def _watch(self) -> None:
        while not self._ended.wait(SECONDS_BETWEEN_DRAWINGS):
            with self._lock:
                now = time.monotonic()
                silent = now - self._last_output >= SECONDS_OF_SILENCE
                if self._at_line_start and silent and not self._rests:
                    self._draw(now)

    def _draw(self, now: float) -> None:
        minutes, seconds = divmod(int(now - self._since), 60)
        line = f"{self._what} … {minutes}:{seconds:02}"
        self._streams[1].write(ERASE + line[: shutil.get_terminal_size().columns - 1])
        self._streams[1].flush()
        self._is_drawn = True

    def _erase(self) -> None:
        if self._is_drawn:
            self._streams[1].write(ERASE)
            self._streams[1].flush()
            self._is_drawn = False


class _Watched:
    """A stream whose output the line gives way to; all else is the stream's own."""

    def __init__(self, stream: TextIO, line: StatusLine) -> None:
        self._stream, self._line = stream, line

    def write(self, text: str) -> int:
        return self._line.write(self._stream, text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
