"""What a person sees while a model trains."""

import logging
import time
from types import TracebackType

from kgrec.progress import bar, is_watched

log = logging.getLogger(__name__)

SECONDS_BETWEEN_LINES = 5.0


class Progress:
    """A bar where somebody watches, else a log line every few seconds.

    Args:
        mode: ``auto`` = a bar where standard error is a terminal; ``on`` = always a bar; ``off`` = never.
            Where there is no bar there are log lines.
        total_epochs: epochs if training is not stopped early.
        steps_per_epoch: steps in each.
        first_epoch: epochs done in an earlier run of the same job.
        is_main: whether this process speaks; the others stay silent.
    """

    def __init__(
        self, mode: str, total_epochs: int, steps_per_epoch: int, first_epoch: int, is_main: bool
    ) -> None:
        wants_bar = mode == "on" or (mode == "auto" and is_watched())
        self._writes_lines = is_main and not wants_bar
        self._total_epochs = total_epochs
        self._last_line = float("-inf")
        self._bar = bar(
            total_epochs * steps_per_epoch,
            first_epoch * steps_per_epoch,
            "step",
            shown=is_main and wants_bar,
        )

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()

    def step(self) -> None:
        """One optimiser step is done."""
        self._bar.update()

    def epoch_done(self, epoch: int, values: dict[str, float]) -> None:
        """Show the epoch's few leading values; lines that follow each other too closely are left out."""
        shown = {name: f"{value:.4g}" for name, value in values.items()}
        self._bar.set_description(f"epoch {epoch}/{self._total_epochs}", refresh=False)
        self._bar.set_postfix(shown, refresh=False)
        now = time.monotonic()
        if self._writes_lines and now - self._last_line >= SECONDS_BETWEEN_LINES:
            self._last_line = now
            text = ", ".join(f"{name} {value}" for name, value in shown.items())
            log.info("epoch %d/%d: %s", epoch, self._total_epochs, text)
