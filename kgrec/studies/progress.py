"""How far a study is, and how long the rest may take."""

import logging
import time
from types import TracebackType

from kgrec.progress import bar, is_watched

log = logging.getLogger(__name__)

SECONDS_BETWEEN_LINES = 20.0


class JobProgress:
    """A bar where somebody watches, else a log line now and then.

    Args:
        total: jobs of the study.
        done: of these, finished in an earlier start.
    """

    def __init__(self, total: int, done: int) -> None:
        self._total, self._first, self._done = total, done, done
        self._start = self._last_line = time.monotonic()
        self._writes_lines = not is_watched()
        self._bar = bar(total, done, "run", shown=not self._writes_lines)
        if self._writes_lines:
            log.info("%d of %d runs are to be done", total - done, total)

    def __enter__(self) -> "JobProgress":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()

    def job_done(self) -> None:
        """One more is finished, well or badly."""
        self._done += 1
        self._bar.update()

    def look(self) -> None:
        """Called often: the bar's clock goes on, and a line is due every :data:`SECONDS_BETWEEN_LINES`."""
        self._bar.refresh()
        now = time.monotonic()
        if self._writes_lines and now - self._last_line >= SECONDS_BETWEEN_LINES:
            self._last_line = now
            log.info("%d of %d runs done, %s", self._done, self._total, self._time_left(now - self._start))

    def _time_left(self, elapsed: float) -> str:
        here = self._done - self._first
        if here == 0:
            return "time left not known yet"
        seconds = elapsed / here * (self._total - self._done)
        return f"about {duration(seconds)} left"


def duration(seconds: float) -> str:
    """E.g. ``1:02:03`` or ``4:05``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
