"""How the machine is used: device, precision, and what is shown while it works."""

from dataclasses import dataclass, fields
from typing import ClassVar

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import DistributedDataParallelKwargs

from kgrec.errors import InputError


@dataclass(frozen=True)
class Runtime:
    """Settings that say how a training runs, and nothing about what is learned.

    Attributes:
        device: ``auto`` = an accelerator where there is one; ``cpu``.
        mixed_precision: ``no`` = float32; ``bf16``; ``fp16`` (with loss scaling, needs an accelerator).
            It holds for the loss: validation and the stored weights are always float32.
        progress: see :class:`kgrec.training.progress.Progress`.

    Raises:
        InputError: an unknown value.
    """

    device: str
    mixed_precision: str
    progress: str

    CHOICES: ClassVar[dict[str, tuple[str, ...]]] = {
        "device": ("auto", "cpu"),
        "mixed_precision": ("no", "bf16", "fp16"),
        "progress": ("auto", "on", "off"),
    }

    def __post_init__(self) -> None:
        for name in (field.name for field in fields(self)):
            value, choices = getattr(self, name), self.CHOICES[name]
            if value not in choices:
                hint = "; YAML reads no, on and off as true or false: write them in quotes"
                raise InputError(
                    f"train.runtime.{name}: found {value!r}, expected one of {', '.join(choices)}"
                    + (hint if isinstance(value, bool) else "")
                )

    def accelerator(self) -> Accelerator:
        """Join the processes of this job (one, unless a launcher started more) on their devices.

        May be called more than once; later calls join the same processes.

        Raises:
            InputError: fp16 on a CPU.
        """
        # Without cpu=True, processes launched on a machine with no accelerator would not find each other,
        # and each would train alone and write the same files.
        cpu = self.device == "cpu" or not torch.accelerator.is_available()
        if cpu and self.mixed_precision == "fp16":
            raise InputError("train.runtime.mixed_precision: found fp16 on a CPU, expected no or bf16")
        # Accelerate keeps its state for the life of a process, where a sweep may change the precision.
        AcceleratorState._reset_state(reset_partial_state=True)
        # Parts of a model may lie idle in a step, and its buffers never change while it trains.
        processes = DistributedDataParallelKwargs(find_unused_parameters=True, broadcast_buffers=False)
        return Accelerator(cpu=cpu, mixed_precision=self.mixed_precision, kwargs_handlers=[processes])


def part_processes() -> None:
    """Wait for the other processes of this job and end the connection, where there are any.

    A process that exits while the connection's threads still run may be aborted by them.
    """
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()
