"""Joules are those of a counter, and nothing is reported without one."""

import sys
from types import ModuleType, SimpleNamespace

import pytest

from kgrec.evaluation import energy
from kgrec.evaluation.energy import EnergyMeter


@pytest.fixture
def codecarbon(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """codecarbon's two names that are used, on a machine with a CPU counter at 2 Wh."""

    class Tracker:
        def __init__(self, **settings: object) -> None:
            self.final_emissions_data: SimpleNamespace | None = None

        def start(self) -> None: ...

        def stop(self) -> None:
            self.final_emissions_data = SimpleNamespace(cpu_energy=0.002, gpu_energy=0.0)

    package, core, cpu = (
        ModuleType(name) for name in ("codecarbon", "codecarbon.core", "codecarbon.core.cpu")
    )
    package.OfflineEmissionsTracker = Tracker  # type: ignore[attr-defined]
    cpu.is_rapl_available = lambda: True  # type: ignore[attr-defined]
    for module in (package, core, cpu):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(energy.importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(energy.torch.cuda, "is_available", lambda: False)
    return cpu


def test_joules_of_the_counter_that_is_there(codecarbon: ModuleType) -> None:
    with EnergyMeter() as meter:
        pass
    assert meter.costs() == {"cost/train_cpu_j": pytest.approx(7200.0)}


def test_an_estimate_is_not_reported(codecarbon: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codecarbon, "is_rapl_available", lambda: False)
    with EnergyMeter() as meter:
        pass
    assert meter.costs() == {}


def test_nothing_without_codecarbon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(energy.importlib.util, "find_spec", lambda name: None)
    with EnergyMeter() as meter:
        pass
    assert meter.costs() == {}


@pytest.mark.skipif(
    energy.importlib.util.find_spec("codecarbon") is None, reason="codecarbon is not installed"
)
def test_codecarbon_itself_has_the_names_that_are_used() -> None:
    with EnergyMeter() as meter:
        sum(range(100_000))
    assert all(joules >= 0 for joules in meter.costs().values())
