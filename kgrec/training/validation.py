"""The validation metrics of a model, the same on every process."""

import math
from collections.abc import Callable
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list

from kgrec.errors import InputError
from kgrec.models.base import Trainable

Metrics = dict[str, float]
Validate = Callable[[Any], Metrics]
"""From a model of the kind that is trained."""

OnValidation = Callable[[int, float], bool]
"""Told the epoch and the value of the selection metric; says whether training shall be given up."""


def never_stop(epoch: int, value: float) -> bool:
    """Let every training come to its end."""
    return False


class Validation:
    """Evaluate on the main process and tell the others.

    All processes must take the same decision to stop, and sums in another order on another device could
    make them differ in the last digit.

    Args:
        validate: model → metrics on validation data.
        selection_metric: the one that checkpoints are selected on.
        accelerator: of the job.
    """

    def __init__(self, validate: Validate, selection_metric: str, accelerator: Accelerator) -> None:
        self.validate = validate
        self.selection_metric = selection_metric
        self.accelerator = accelerator

    def __call__(self, model: Trainable) -> tuple[Metrics, float]:
        """All metrics, and the value of the one that is selected on; leaves the model in evaluation mode.

        Raises:
            InputError: the selection metric is not among the metrics, or is not a number.
        """
        shared: list[Metrics] = [{}]
        model.eval()
        model.before_validation()
        if self.accelerator.is_main_process:
            with torch.no_grad():
                shared = [self.validate(model)]
        metrics = broadcast_object_list(shared)[0]
        return metrics, self._selected(metrics)

    def _selected(self, metrics: Metrics) -> float:
        value = metrics.get(self.selection_metric)
        if value is None:
            raise InputError(
                f"eval.selection_metric: found {self.selection_metric}, expected one of {', '.join(metrics)}"
            )
        if math.isnan(value):
            raise InputError(
                f"eval.selection_metric: {self.selection_metric} is not a number: no user has both training "
                "interactions and relevant validation items; choose another metric or split"
            )
        return value
