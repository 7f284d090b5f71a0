"""What a sweep is: a space, the settings of all its trials, a budget, a rule of pruning."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from kgrec.build import build, compose
from kgrec.errors import InputError
from kgrec.evaluation.base import Evaluates
from kgrec.pipeline import settings
from kgrec.reporting.run_folder import settings_of_run
from kgrec.studies.plan import chooses_option, last_of_each, with_values
from kgrec.sweep.budget import Budget, Pruning
from kgrec.sweep.space import SearchSpace, written


@dataclass(frozen=True)
class Plan:
    """All that a worker needs to know; made by :func:`make_plan`.

    Attributes:
        space: what is searched.
        overrides: settings of all trials.
        budget: when the sweep ends.
        pruning: when a trial is given up.
        seed: of the proposals; the trials' own seed is a setting, ``seed=…``.
        base: the configuration of the defaults.
        metric: decides on validation.
        higher_is_better: its direction.
    """

    space: SearchSpace
    overrides: tuple[str, ...]
    budget: Budget
    pruning: Pruning
    seed: int
    base: DictConfig
    metric: str
    higher_is_better: bool

    @property
    def folder(self) -> Path:
        """Where the study and the trials' run folders lie."""
        return Path(self.base.paths.runs) / str(self.base.group)

    @property
    def defaults(self) -> dict[str, Any] | None:
        """The defaults as Optuna would have drawn them; ``None`` where one lies outside the space."""
        drawn = {
            parameter.key: parameter.drawn(written(_plain(self.base, parameter.key)))
            for parameter in self.space.parameters
        }
        return None if None in drawn.values() else drawn

    def params(self, drawn: dict[str, Any]) -> list[str]:
        """What Optuna drew, as overrides."""
        return [
            f"{parameter.key}={value if parameter.choices else written(value)}"
            for parameter in self.space.parameters
            for value in [drawn[parameter.key]]
        ]

    def config(self, params: Sequence[str]) -> DictConfig:
        """The configuration of a trial."""
        if chooses_option(params):
            return compose(last_of_each([*self.overrides, *params]))
        return with_values(self.base, params)

    @property
    def identity(self) -> dict[str, Any]:
        """What must be the same for trials to belong to one sweep, as JSON types."""
        found = {
            "search": self.space.name,
            "parameters": [asdict(parameter) for parameter in self.space.parameters],
            "settings": {**settings_of_run(settings(self.base)), "seed": self.base.seed},
            "seed": self.seed,
            "pruning": asdict(self.pruning),
        }
        return dict(json.loads(json.dumps(found)))


def make_plan(
    space: SearchSpace, overrides: Sequence[str], budget: Budget, pruning: Pruning, seed: int
) -> Plan:
    """Check everything that can be checked before a trial is run.

    Args:
        space: what is searched; what the overrides give is fixed by them.
        overrides: settings of all trials.
        budget: see :class:`Plan`.
        pruning: see :class:`Plan`.
        seed: see :class:`Plan`.

    Raises:
        InputError: a setting that does not compose, or one that the sweep decides.
    """
    space = space.without(overrides)
    together = _blind(space, overrides)
    base = compose(together)
    evaluator: Evaluates = build(base.eval)
    space.check(together)
    metric, higher_is_better = evaluator.selection_metric, evaluator.selection_higher_is_better
    return Plan(space, tuple(together), budget, pruning, seed, base, metric, higher_is_better)


def best_overrides(overrides: Sequence[str], params: Sequence[str]) -> list[str]:
    """Settings that make a trial's run again, without those that leave what is computed alone.

    Args:
        overrides: of all trials.
        params: of the trial.
    """
    own = ("test=", "logger=", "group=", "paths.", "train.runtime.progress=")
    kept = [override for override in overrides if not override.startswith(own)]
    return last_of_each([*kept, *params])


def _blind(space: SearchSpace, overrides: Sequence[str]) -> list[str]:
    """Settings of all trials; an experiment decides for itself what the space would else set."""
    given = dict(override.split("=", 1) for override in overrides if "=" in override)
    if given.get("test", "false") != "false":
        raise InputError(f"setting 'test={given['test']}': a search never looks at test")
    meant = () if "experiment" in given else space.settings
    silent = ["logger=none", "train.runtime.progress='off'"]
    together = last_of_each([*silent, *meant, *overrides, "test=false"])
    if "group" not in given:
        together.append(f"group=sweep-{space.name}-{compose(together).choices.data}")
    return together


def _plain(cfg: DictConfig, key: str) -> Any:
    value = OmegaConf.select(cfg, key)
    return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
