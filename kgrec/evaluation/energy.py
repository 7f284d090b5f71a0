"""Joules of a block of work, where the hardware counts them."""

import importlib.util
import logging
from types import TracebackType
from typing import Any, Self

import torch

log = logging.getLogger(__name__)

JOULES_PER_KWH = 3.6e6


class EnergyMeter:
    """Context manager that reads the energy counters of CPU packages (RAPL) and GPUs (NVML).

    codecarbon reads them (the extra ``energy``). Where it is not installed, or where there is no counter,
    nothing is reported: a guess from the processor's name and load would look like a measurement. They count
    for the whole machine, so that a figure means something only where the work had it for itself.

    Attributes:
        cpu_j: joules of the CPU packages, ``None`` without a counter.
        gpu_j: joules of the GPUs, ``None`` without one.
    """

    def __init__(self) -> None:
        self.cpu_j: float | None = None
        self.gpu_j: float | None = None
        self._tracker: Any = None
        self._counted = _counters()

    def __enter__(self) -> Self:
        if self._counted:
            from codecarbon import OfflineEmissionsTracker

            # Energy alone is wanted; the country, which it insists on, decides emissions.
            self._tracker = OfflineEmissionsTracker(
                country_iso_code="DEU", save_to_file=False, log_level="error", allow_multiple_runs=True
            )
            self._tracker.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._tracker is None:
            return
        self._tracker.stop()
        counted = self._tracker.final_emissions_data
        if "cpu" in self._counted:
            self.cpu_j = counted.cpu_energy * JOULES_PER_KWH
        if "gpu" in self._counted:
            self.gpu_j = counted.gpu_energy * JOULES_PER_KWH

    def costs(self) -> dict[str, float]:
        """``cost/train_cpu_j`` and ``cost/train_gpu_j`` of a training, those that were counted."""
        counted = {"cost/train_cpu_j": self.cpu_j, "cost/train_gpu_j": self.gpu_j}
        return {name: joules for name, joules in counted.items() if joules is not None}


def _counters() -> frozenset[str]:
    """Which of ``cpu`` and ``gpu`` can be read here."""
    if importlib.util.find_spec("codecarbon") is None:
        return frozenset()
    from codecarbon.core.cpu import is_rapl_available

    found = {"cpu": is_rapl_available(), "gpu": torch.cuda.is_available()}
    return frozenset(name for name, is_there in found.items() if is_there)
