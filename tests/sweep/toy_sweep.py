"""A small space and small data for the tests of a sweep, and a training that takes no time."""

import copy
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from kgrec.errors import InputError
from kgrec.pipeline import run_name
from kgrec.reporting.run_folder import RunFolder
from kgrec.sweep.budget import Budget, Pruning
from kgrec.sweep.plan import Plan, make_plan
from kgrec.sweep.space import Parameter, SearchSpace

METRIC = "valid/cold/recall@20"
SPACE = SearchSpace(
    "toy",
    ("model=bpr_mf", "loss=bpr"),
    (
        Parameter("train.optimizer.lr", low=1e-4, high=1e-1, log=True),
        Parameter("model.embedding_dim", choices=(8, 64)),
        Parameter("loss.num_negatives", low=1, high=5),
    ),
)
PLANTED = [
    "data=planted", "data.source.num_users=60", "data.source.num_items=60",
    "data.source.num_attributes=4", "data.source.interactions_per_user=10",
]  # fmt: skip


def toy_plan(
    folder: Path,
    trials: int = 12,
    minutes: float = 1.0,
    space: SearchSpace = SPACE,
    pruning: Pruning | None = None,
    **settings: Any,
) -> Plan:
    """A sweep of planted data whose runs lie in ``folder``."""
    plan = _composed(space, tuple(f"{key}={value}" for key, value in settings.items()))
    base = copy.deepcopy(plan.base)
    base.paths.runs, base.paths.cache = str(folder / "runs"), str(folder / "cache")
    return replace(plan, base=base, budget=Budget(trials, minutes), pruning=pruning or Pruning("none"))


@cache
def _composed(space: SearchSpace, settings: tuple[str, ...]) -> Plan:
    """Composing takes far longer than a sweep of runs that take no time."""
    return make_plan(space, [*PLANTED, *settings], Budget(), Pruning(), 0)


@dataclass
class FakeTraining:
    """In place of ``kgrec.train.train``: the learning rate decides, .01 is best; five negatives fail.

    Attributes:
        configs: of the runs that were begun.
        begun: called with each of them, to interrupt it.
    """

    configs: list[Any] = field(default_factory=list)
    begun: Callable[[Any], None] = lambda cfg: None

    def __call__(self, cfg: Any, on_validation: Callable[[int, float], bool]) -> RunFolder:
        """Three epochs, each worth a third of the value."""
        run = RunFolder(Path(cfg.paths.runs) / cfg.group / run_name(cfg))
        if run.is_finished:
            return run
        self.configs.append(cfg)
        self.begun(cfg)
        if cfg.loss.num_negatives == 5:
            raise InputError("loss.num_negatives: too many")
        value = 1.0 / (1 + abs(cfg.train.optimizer.lr - 0.01))
        run.reset_metrics([])
        for epoch in (1, 2, 3):
            run.append_metrics({"epoch": epoch, METRIC: value * epoch / 3})
            if on_validation(epoch, value * epoch / 3) and epoch < 3:
                return run
        run.write_summary({METRIC: value})
        return run
