"""One optimiser step on one global batch."""

import math
import warnings
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from torch import Tensor, nn

from kgrec.models.base import Batch, Trainable
from kgrec.threads import one_thread

OptimizerFactory = Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]

SMALL_MODEL = 2**22
"""Numbers to train, below which a step against sampled negatives is a hundred operations of some ten
microseconds each: no more than it takes to wake a second thread."""


class WeightedLoss(nn.Module):
    """A model's loss, weighted so that the mean over processes is the mean over all pairs.

    Wrappers for several processes and for mixed precision go around this module, so the model
    itself comes out of a training as it went in.
    """

    def __init__(self, model: Trainable) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: Batch) -> Tensor:
        """Weighted loss, shape ``[]``."""
        loss: Tensor = self.model(batch)
        return loss * batch.weight


class TrainStep:
    """Forward, backward and update, over all processes.

    Args:
        model: on the accelerator's device.
        optimizer: builds the optimiser from the parameters that want a gradient.
        max_grad_norm: gradients are scaled down to this norm; ``None`` = never.
        accelerator: of the job.
        steps: of the whole training, at most.
    """

    def __init__(
        self,
        model: Trainable,
        optimizer: OptimizerFactory,
        max_grad_norm: float | None,
        accelerator: Accelerator,
        steps: int,
    ) -> None:
        self.model = model
        self.steps = steps
        self.accelerator = accelerator
        self.max_grad_norm = max_grad_norm
        self.parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        size = sum(parameter.numel() for parameter in self.parameters)
        self._is_short = model.num_negatives > 0 and size < SMALL_MODEL
        with warnings.catch_warnings():
            # Newer torch renamed the setting; accelerate knows the old name only.
            warnings.filterwarnings("ignore", message="`broadcast_buffers` is deprecated")
            self.loss, self.optimizer = accelerator.prepare(WeightedLoss(model), optimizer(self.parameters))

    def __call__(self, batch: Batch) -> float:
        """Take one step and return this process's weighted loss.

        Raises:
            FloatingPointError: loss or gradient is not finite; the weights are as before the step.
        """
        self.optimizer.zero_grad()
        loss = self.loss(batch)
        self.accelerator.backward(loss)
        value, norm = float(loss.detach()), self._clip()
        if not (math.isfinite(value) and math.isfinite(norm)):
            raise FloatingPointError(f"loss {value:.4g}, gradient norm {norm:.4g}")
        self.optimizer.step()
        self.model.after_step(batch.step, self.steps)
        return value

    def threads(self) -> AbstractContextManager[None]:
        """Around steps: one thread of the CPU where they are too short to be shared, else torch's own number.

        Model and loss decide, never a stopwatch: a training that is repeated has the same bits.
        """
        return one_thread() if self._is_short else nullcontext()

    def _clip(self) -> float:
        """Norm of the whole gradient before clipping; 0 where a loss scaler takes care of overflow."""
        if self.max_grad_norm is not None:
            norm = self.accelerator.clip_grad_norm_(self.parameters, self.max_grad_norm)
        else:
            gradients = [parameter.grad for parameter in self.parameters if parameter.grad is not None]
            norm = torch.nn.utils.get_total_norm(gradients)
        return 0.0 if self.accelerator.scaler is not None else float(norm)

    def mean_over_processes(self, value: float) -> float:
        """Mean of a value that each process has its own of."""
        values: list[float] = gather_object([value])
        return sum(values) / len(values)

    def state_dict(self) -> dict[str, Any]:
        """State of the optimiser and, in fp16, of the loss scaler."""
        scaler = self.accelerator.scaler
        return {
            "optimizer": self.optimizer.state_dict(),
            "scaler": None if scaler is None else scaler.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a stored state."""
        self.optimizer.load_state_dict(state["optimizer"])
        if self.accelerator.scaler is not None and state["scaler"] is not None:
            self.accelerator.scaler.load_state_dict(state["scaler"])
