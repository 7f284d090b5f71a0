"""When to stop: the best validation value so far, and how long ago it was."""

import math
from typing import Any

from kgrec.errors import InputError


class EarlyStopping:
    """Track a validation metric over the evaluations of one training.

    ``conf/train/*.yaml`` builds it with ``_partial_``: whether higher is better depends on the metric
    that the evaluation selects on, and each training starts with a fresh one.

    Args:
        patience: evaluations without improvement after which training stops; ``None`` = never.
        higher_is_better: direction of the metric.

    Attributes:
        best: best value, ``None`` before the first evaluation.
        best_epoch: epoch of the best value.
        bad_evals: evaluations since then.

    Raises:
        InputError: patience below 1.
    """

    def __init__(self, patience: int | None, higher_is_better: bool) -> None:
        if patience is not None and patience < 1:
            raise InputError(
                f"train.early_stopping.patience: found {patience}, expected at least 1, or null for none"
            )
        self.patience = patience
        self.higher_is_better = higher_is_better
        self.best: float | None = None
        self.best_epoch = 0
        self.bad_evals = 0

    def update(self, value: float, epoch: int) -> bool:
        """Take in the value of ``epoch`` and say whether it is a new best; an equal value is none.

        Raises:
            ValueError: the value is not a number, so it cannot be compared.
        """
        if math.isnan(value):
            raise ValueError(f"epoch {epoch}: a value that is not a number cannot be compared")
        if self._is_better(value):
            self.best, self.best_epoch, self.bad_evals = value, epoch, 0
            return True
        self.bad_evals += 1
        return False

    def _is_better(self, value: float) -> bool:
        if self.best is None:
            return True
        return value > self.best if self.higher_is_better else value < self.best

    @property
    def should_stop(self) -> bool:
        """Whether patience has run out."""
        return self.patience is not None and self.bad_evals >= self.patience

    def state_dict(self) -> dict[str, Any]:
        """What :meth:`load_state_dict` needs, as JSON types."""
        return {"best": self.best, "best_epoch": self.best_epoch, "bad_evals": self.bad_evals}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a stored state; the settings stay those of the constructor."""
        self.best = state["best"]
        self.best_epoch = state["best_epoch"]
        self.bad_evals = state["bad_evals"]
