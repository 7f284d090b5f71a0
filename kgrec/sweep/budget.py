"""What a sweep may spend, and when it gives a trial up."""

from dataclasses import dataclass

from optuna.pruners import BasePruner, NopPruner, PercentilePruner

from kgrec.errors import InputError

TRIALS, MINUTES = 20, 30.0
KEPT = {"none": None, "median": 50.0, "quartile": 75.0}
"""Rule of pruning → percent of the trials that it lets go on; ``None`` = all."""


@dataclass(frozen=True)
class Budget:
    """What every model is given alike; no trial begins when either is used up.

    Attributes:
        trials: at most so many, the defaults and those given up among them.
        minutes: at most so much time of trials, summed over the workers: two workers for ten minutes use
            twenty. A trial begun in time is finished.

    Raises:
        InputError: less than one trial, or no time.
    """

    trials: int = TRIALS
    minutes: float = MINUTES

    def __post_init__(self) -> None:
        if not isinstance(self.trials, int) or self.trials < 1:
            raise InputError(f"trials: found {self.trials}, expected a whole number of at least 1")
        if not isinstance(self.minutes, int | float) or not self.minutes > 0:
            raise InputError(f"minutes: found {self.minutes}, expected a number above 0")

    def allows(self, trials: int, seconds: float) -> bool:
        """Whether another trial may begin after so many, which took so long."""
        return trials < self.trials and seconds < 60 * self.minutes


@dataclass(frozen=True)
class Pruning:
    """When a trial is given up: its validation curve lies below those of the trials before.

    At each validation the trial's best value so far is compared with what finished trials had in that
    epoch: the median stopping rule of Golovin et al., KDD 2017, *Google Vizier: A Service for Black-Box
    Optimization*, as in Optuna's ``PercentilePruner``. There the finished trials' means up to that epoch
    are compared, here their values in it.

    Attributes:
        rule: ``median`` gives up what is below the median, ``quartile`` what is below the lowest quarter,
            ``none`` nothing.
        startup: finished trials, validated in that epoch, without which nothing is given up; at least 1.
        warmup: epochs before which nothing is given up, at least 0.

    Raises:
        InputError: an unknown rule, or a number out of range.
    """

    rule: str = "median"
    startup: int = 5
    warmup: int = 10

    def __post_init__(self) -> None:
        if self.rule not in KEPT:
            raise InputError(f"pruning rule: found {self.rule!r}, expected one of {', '.join(KEPT)}")
        for name, least in (("startup", 1), ("warmup", 0)):
            value = getattr(self, name)
            if not isinstance(value, int) or value < least:
                raise InputError(
                    f"pruning {name}: found {value}, expected a whole number of at least {least}"
                )

    @property
    def pruner(self) -> BasePruner:
        """As Optuna has it."""
        kept = KEPT[self.rule]
        if kept is None:
            return NopPruner()
        return PercentilePruner(kept, self.startup, self.warmup, n_min_trials=self.startup)
