"""One trial of a sweep: as it stands in the study, and as the worker that runs it holds it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

MAX_STARTS = 3
"""Starts without a validation, after each of which the worker was gone, that a trial is given."""

SECONDS_BETWEEN_NOTES = 5.0
"""What a trial has used is noted now and then: each note waits for the disk, and an epoch may be shorter."""

STATES = {
    TrialState.COMPLETE: "done",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
    TrialState.RUNNING: "running",
    TrialState.WAITING: "waiting",
}


@dataclass(frozen=True)
class Trial:
    """One trial of a sweep, as it stands.

    Attributes:
        number: in the study; one that is begun again after its worker was gone gets a new one.
        state: ``done``, ``pruned``, ``failed``, ``running``, or its worker is gone and it is
            ``stopped`` or ``waiting``, to be begun again.
        params: overrides of the space's settings; empty = the defaults.
        value: the selection metric on validation: the best of a trial that is done, else the last one;
            ``None`` where there is none.
        seconds: from its configuration to its summary, over all its starts as far as they are known: one
            that was killed counts up to one of its last validations.
        epochs: epoch of its last validation.
        run: name of its run folder.
        error: why it failed.
    """

    number: int
    state: str
    params: tuple[str, ...]
    value: float | None
    seconds: float
    epochs: int
    run: str
    error: str


class OpenTrial:
    """A trial that this worker runs.

    Args:
        trial: of Optuna.
        params: overrides; empty = the defaults.
        is_told: whether Optuna may learn from it: not from defaults outside the space.
        curve: epochs that an earlier start has reported.
    """

    def __init__(
        self, trial: optuna.trial.Trial, params: Sequence[str], is_told: bool, curve: Collection[int]
    ) -> None:
        self.params = tuple(params)
        self._trial = trial
        self._is_told = is_told
        self._reported = set(curve)
        self._seconds_kept = float("-inf")
        self._seconds_before = float(trial.user_attrs.get("seconds", 0.0))

    def report(self, epoch: int, value: float, seconds: float) -> bool:
        """Take in a validation.

        Args:
            epoch: that was validated.
            value: of the selection metric.
            seconds: of this start so far.

        Returns:
            Whether the trial is to be given up; the defaults never are.
        """
        if epoch not in self._reported:
            self._trial.report(value, epoch)
            self._reported.add(epoch)
            self._keep("starts", 0)
        if seconds - self._seconds_kept >= SECONDS_BETWEEN_NOTES:
            self._seconds_kept = seconds
            self._keep("seconds", self._seconds_before + seconds)
        return bool(self.params) and self._trial.should_prune()

    def end(self, state: TrialState, seconds: float, value: float | None = None, error: str = "") -> None:
        """Close the trial; ``value`` is that of a run that is done."""
        self._keep("seconds", self._seconds_before + seconds)
        self._keep("error", error)
        if state == TrialState.COMPLETE and not self._is_told:
            # Optuna's word for a trial that nothing is learned from: of one that is complete but has no
            # values of the space, the estimator would conclude that there is no space.
            self._keep("value", value)
            state, value = TrialState.FAIL, None
        self._trial.study.tell(self._trial, value, state)

    def note(self, **facts: Any) -> None:
        """Keep facts beside the trial."""
        for key, value in facts.items():
            self._keep(key, value)

    def _keep(self, key: str, value: Any) -> None:
        if self._trial.user_attrs.get(key) != value:
            self._trial.set_user_attr(key, value)


def seen(trial: FrozenTrial) -> Trial:
    """A trial as it stands."""
    facts = trial.user_attrs
    curve = trial.intermediate_values
    error, state, value = facts.get("error", ""), STATES[trial.state], trial.value
    if "value" in facts:  # defaults outside the space, see :meth:`OpenTrial.end`
        state, value = "done", facts["value"]
    elif trial.state == TrialState.FAIL and "error" not in facts:
        error = f"its process died in each of {MAX_STARTS} starts, perhaps for want of memory"
    epochs = max(curve, default=0)
    return Trial(
        trial.number,
        state,
        tuple(facts.get("params", ())),
        curve.get(epochs) if value is None else value,
        float(facts.get("seconds", 0.0)),
        epochs,
        facts.get("run", ""),
        error,
    )


def was_begun_again(trial: FrozenTrial) -> bool:
    """Whether a later trial has taken this one's place."""
    is_open = trial.state == TrialState.FAIL and "error" not in trial.user_attrs
    return is_open and not has_used_its_starts(trial)


def has_used_its_starts(trial: FrozenTrial) -> bool:
    """Whether a trial whose worker is gone is not to be begun again."""
    return int(trial.user_attrs.get("starts", 0)) >= MAX_STARTS
