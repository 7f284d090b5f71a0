"""Search of a model's settings on validation: trials in turn, each an ordinary run without a look at test."""

import datetime
import json
import logging
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import optuna
from omegaconf import DictConfig, OmegaConf

from kgrec.build import build, compose
from kgrec.errors import InputError
from kgrec.evaluation.evaluator import Evaluator
from kgrec.pipeline import settings
from kgrec.reporting.environment import environment
from kgrec.reporting.run_folder import RunFolder, settings_of_run
from kgrec.seed import stream_seed
from kgrec.studies.plan import chooses_option, last_of_each, with_values
from kgrec.studies.progress import duration
from kgrec.studies.search import SearchSpace, written
from kgrec.train import train

log = logging.getLogger(__name__)
optuna.logging.set_verbosity(optuna.logging.WARNING)  # this module reports on trials by itself

RESULT = "tuning.json"


@dataclass(frozen=True)
class Budget:
    """What every model is given alike; no trial begins when either is used up.

    Attributes:
        trials: at most so many, the defaults among them.
        minutes: at most so much time of trials; one begun in time is finished.

    Raises:
        InputError: less than one trial, or no time.
    """

    trials: int
    minutes: float

    def __post_init__(self) -> None:
        if self.trials < 1:
            raise InputError(f"--trials: found {self.trials}, expected at least 1")
        if not self.minutes > 0:
            raise InputError(f"--minutes: found {self.minutes:g}, expected more than 0")

    def allows(self, trials: "Sequence[Trial]") -> bool:
        """Whether another trial may begin after these."""
        return len(trials) < self.trials and sum(trial.seconds for trial in trials) < 60 * self.minutes


@dataclass(frozen=True)
class Trial:
    """One run of the search.

    Attributes:
        params: overrides of the space's settings; empty = the defaults.
        value: the selection metric on validation; ``None`` where the run failed.
        seconds: from its configuration to its summary; of a run that was stopped and goes on, the last
            start alone.
        run: name of its folder, empty where the run failed.
        error: why it failed.
    """

    params: tuple[str, ...]
    value: float | None
    seconds: float
    run: str = ""
    error: str = ""


class Tuning:
    """A search: the defaults first, then what the tree-structured Parzen estimator proposes.

    Bergstra et al., NeurIPS 2011, *Algorithms for Hyper-Parameter Optimization*, §4, as in Optuna's
    ``TPESampler``. Each proposal is drawn by a sampler seeded by ``seed`` and the number of trials before,
    so a search that is stopped and started again proposes what it would have proposed. After each trial
    ``tuning.json`` is written beside the run folders; what it holds is not run again.

    Args:
        space: what is searched.
        overrides: settings of all trials; one that the space would search is fixed by it.
        budget: when the search ends.
        seed: of the proposals; the trials' own seed is a setting, ``seed=…``.
        command: by which this can be done again.

    Raises:
        InputError: a setting that does not compose, one that the search decides, or a folder that holds
            another search.
    """

    def __init__(
        self, space: SearchSpace, overrides: Sequence[str], budget: Budget, seed: int, command: str
    ) -> None:
        space = space.without(overrides)
        self.space, self.budget, self.seed, self.command = space, budget, seed, command
        self.overrides = _blind(space, overrides)
        self.base = compose(self.overrides)
        evaluator: Evaluator = build(self.base.eval)
        self.metric = evaluator.selection_metric
        self._sign = 1.0 if evaluator.selection_higher_is_better else -1.0
        self.folder = RunFolder(Path(self.base.paths.runs) / self.base.group)
        space.check(self.overrides)
        self.trials = self._earlier_trials()
        self._code: dict[str, Any] = environment(self.base.seed)["git"] or {}

    def run(self) -> Trial:
        """Run trials until the budget is used up.

        Returns:
            The best trial, the first of equals.

        Raises:
            InputError: the defaults themselves cannot be run, or no trial could.
        """
        while self.budget.allows(self.trials):
            trial = self._run_trial(self._proposal())
            if trial.value is None and not self.trials:
                raise InputError(f"the defaults cannot be run: {trial.error}")
            self.trials.append(trial)
            self._report(trial)
            self.folder.write(RESULT, self._as_json())
        return self.best

    @property
    def best(self) -> Trial:
        """The trial that validation likes best."""
        finished = [trial for trial in self.trials if trial.value is not None]
        return max(finished, key=lambda trial: self._sign * (trial.value or 0.0))

    @property
    def best_overrides(self) -> list[str]:
        """Settings that make the best run again, without those that leave what is computed alone."""
        own = ("test=", "logger=", "group=", "paths.", "train.runtime.progress=")
        kept = [override for override in self.overrides if not override.startswith(own)]
        return last_of_each([*kept, *self.best.params])

    def _proposal(self) -> dict[str, Any]:
        """Values of the space's keys; none at all = the defaults."""
        if not self.trials:
            return {}
        sampler = optuna.samplers.TPESampler(seed=stream_seed(self.seed, "tune", len(self.trials)) % 2**32)
        study = optuna.create_study(direction="maximize", sampler=sampler)
        study.add_trials([told for trial in self.trials if (told := self._told(trial)) is not None])
        return study.ask(self.space.distributions).params

    def _told(self, trial: Trial) -> optuna.trial.FrozenTrial | None:
        """A trial as Optuna knows it; ``None`` for defaults outside the space, of which it is not told."""
        given = dict(override.split("=", 1) for override in trial.params)
        params = {
            parameter.key: parameter.drawn(
                given.get(parameter.key) or written(_plain(self.base, parameter.key))
            )
            for parameter in self.space.parameters
        }
        if None in params.values():
            return None
        failed = trial.value is None
        return optuna.trial.create_trial(
            params=params,
            distributions=self.space.distributions,
            value=None if failed else self._sign * (trial.value or 0.0),
            state=optuna.trial.TrialState.FAIL if failed else optuna.trial.TrialState.COMPLETE,
        )

    def _run_trial(self, proposal: dict[str, Any]) -> Trial:
        drawn = [(parameter, proposal.get(parameter.key)) for parameter in self.space.parameters if proposal]
        params = tuple(
            f"{parameter.key}={value if parameter.choices else written(value)}" for parameter, value in drawn
        )
        if chooses_option(params):
            cfg = compose(last_of_each([*self.overrides, *params]))
        else:
            cfg = with_values(self.base, params)
        started = time.perf_counter()
        try:
            run = train(cfg)
        except InputError as error:
            return Trial(params, None, time.perf_counter() - started, error=str(error))
        return Trial(params, run.read_summary()[self.metric], time.perf_counter() - started, run.name)

    def _report(self, trial: Trial) -> None:
        used = duration(sum(done.seconds for done in self.trials))
        told = trial.error if trial.value is None else f"{self.metric} = {trial.value:.4f}"
        best = self.trials.index(self.best)
        log.info(
            "trial %d of %d: %s (best %.4f, trial %d), %s of %s used: %s",
            len(self.trials), self.budget.trials, told, self.best.value, best + 1,
            used, duration(60 * self.budget.minutes), " ".join(trial.params) or "defaults",
        )  # fmt: skip

    def _identity(self) -> dict[str, Any]:
        """What must be the same for trials to belong to one search."""
        return {
            "search": self.space.name,
            "parameters": [asdict(parameter) for parameter in self.space.parameters],
            "settings": {**settings_of_run(settings(self.base)), "seed": self.base.seed},
            "seed": self.seed,
        }

    def _earlier_trials(self) -> list[Trial]:
        path = self.folder.path / RESULT
        if not path.is_file():
            return []
        try:
            stored = json.loads(path.read_text())
            trials = [Trial(**{**entry, "params": tuple(entry["params"])}) for entry in stored["trials"]]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path}: cannot be read ({error})") from error
        wanted = json.loads(json.dumps(self._identity()))
        for part, value in wanted.items():
            if stored.get(part) != value:
                raise InputError(f"{path}: a search of other {part}; choose another group=… or delete it")
        return trials

    def _as_json(self) -> bytes:
        content = {
            "command": self.command,
            "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "commit": self._code.get("commit"),
            "uncommitted_changes": bool(self._code.get("dirty")),
            "metric": self.metric,
            "budget": asdict(self.budget),
            "used": {
                "trials": len(self.trials),
                "seconds": sum(trial.seconds for trial in self.trials),
            },
            "best": {**asdict(self.best), "overrides": self.best_overrides},
            "trials": [asdict(trial) for trial in self.trials],
            **self._identity(),
        }
        return (json.dumps(content, indent=2) + "\n").encode()


def _blind(space: SearchSpace, overrides: Sequence[str]) -> list[str]:
    """Settings of all trials; an experiment decides for itself what the space would else set."""
    given = dict(override.split("=", 1) for override in overrides if "=" in override)
    if given.get("test", "false") != "false":
        raise InputError(f"setting 'test={given['test']}': a search never looks at test")
    meant = () if "experiment" in given else space.settings
    silent = ["logger=none", "train.runtime.progress='off'"]
    together = last_of_each([*silent, *meant, *overrides, "test=false"])
    if "group" not in given:
        together.append(f"group=tune-{space.name}-{compose(together).choices.data}")
    return together


def _plain(cfg: DictConfig, key: str) -> Any:
    value = OmegaConf.select(cfg, key)
    return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
