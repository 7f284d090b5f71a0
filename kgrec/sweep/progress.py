"""How far a sweep is, what its best trial is, and how long the rest may take."""

import logging
import time
from collections import Counter
from collections.abc import Sequence
from types import TracebackType

from kgrec.progress import bar, is_watched
from kgrec.studies.progress import duration
from kgrec.sweep.plan import Plan
from kgrec.sweep.study import SweepStudy
from kgrec.sweep.trial import Trial

log = logging.getLogger(__name__)

SECONDS_BETWEEN_LOOKS = 1.0

ENDED = ("done", "pruned", "failed")


class SweepProgress:
    """A bar where somebody watches, else a log line for each trial that ends, whoever ran it.

    Args:
        plan: of the sweep.
        study: that is watched.
        num_workers: that run its trials here.
    """

    def __init__(self, plan: Plan, study: SweepStudy, num_workers: int) -> None:
        self._plan, self._study, self._num_workers = plan, study, num_workers
        self._writes_lines = not is_watched()
        self._told = {trial.number for trial in study.trials() if trial.state in ENDED}
        self._last_look = 0.0
        self._bar = bar(plan.budget.trials, len(self._told), "trial", shown=not self._writes_lines)

    def __enter__(self) -> "SweepProgress":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._show(self._study.trials())
        self._bar.close()

    def look(self) -> None:
        """Called often; what is shown changes once a second at most."""
        now = time.monotonic()
        if now - self._last_look >= SECONDS_BETWEEN_LOOKS:
            self._last_look = now
            self._show(self._study.trials())

    def _show(self, trials: Sequence[Trial]) -> None:
        ended = [trial for trial in trials if trial.state in ENDED]
        for trial in ended:
            if trial.number not in self._told:
                self._told.add(trial.number)
                if self._writes_lines:
                    log.info("%s; %s", self._words(trial), self._state(trials))
        self._bar.n = len(ended)
        self._bar.set_postfix_str(self._state(trials))

    def _words(self, trial: Trial) -> str:
        """One trial that has ended."""
        result = trial.error
        if trial.state != "failed":
            result = f"{self._plan.metric} = {trial.value:.4f}"
        if trial.state == "pruned":
            result += f", given up after {trial.epochs} epochs"
        return f"trial {trial.number}: {result}, {' '.join(trial.params) or 'the defaults'}"

    def _state(self, trials: Sequence[Trial]) -> str:
        """The sweep as a whole."""
        count = Counter(trial.state for trial in trials)
        ended = len(self._told)
        best = self._study.best(trials)
        used = sum(trial.seconds for trial in trials)
        parts = [f"{ended} of {self._plan.budget.trials}"] if self._writes_lines else []
        parts += [] if best is None else [f"best {best.value:.4f} (trial {best.number})"]
        parts += [f"{count['pruned']} pruned"] if count["pruned"] else []
        parts += [f"{duration(used)} of {duration(60 * self._plan.budget.minutes)} used"]
        parts += [f"about {duration(self._seconds_left(trials))} left"] if ended else []
        return ", ".join(parts)

    def _seconds_left(self, trials: Sequence[Trial]) -> float:
        """Until trials or minutes are used up, as trials took in the mean."""
        ended = [trial for trial in trials if trial.state in ENDED]
        used = sum(trial.seconds for trial in trials)
        mean = sum(trial.seconds for trial in ended) / len(ended)
        of_trials = self._plan.budget.trials * mean - used
        of_minutes = 60 * self._plan.budget.minutes - used
        return max(0.0, min(of_trials, of_minutes)) / self._num_workers
