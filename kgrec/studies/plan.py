"""A study as configurations to run: every arm on every split, with its draws and choices."""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from kgrec.build import build, compose, groups
from kgrec.errors import InputError
from kgrec.evaluation.evaluator import Evaluator
from kgrec.pipeline import run_name
from kgrec.reporting.run_folder import RunFolder
from kgrec.study import Arm, Study


@dataclass(frozen=True)
class Job:
    """One run.

    Attributes:
        settings: its configuration, but for the seed.
        seed: of the run.
        run: the folder in which :func:`kgrec.train.train` puts it.
        twin: the run of the same settings without a look at test, where there is one; when that is
            finished, its checkpoint holds the trained model.
    """

    settings: DictConfig
    seed: int
    run: RunFolder
    twin: RunFolder | None = None

    @property
    def cfg(self) -> DictConfig:
        """The configuration to run."""
        return _changed(self.settings, seed=self.seed)


@dataclass(frozen=True)
class Trial:
    """One draw of an arm on one split.

    Attributes:
        arm: the arm.
        draw: index in ``arm.draws``.
        seed: decides the split and all other randomness.
        finals: one job per choice, as it is run in the end.
        candidates: the same jobs as they are compared: without a look at test, without a logger. Empty
            where there is nothing to choose.
    """

    arm: Arm
    draw: int
    seed: int
    finals: tuple[Job, ...]
    candidates: tuple[Job, ...]

    @property
    def name(self) -> str:
        """For messages; no two trials of a study share one."""
        draw = f", draw {self.draw}" if len(self.arm.draws) > 1 else ""
        return f"{self.arm.name}, split {self.seed}{draw}"

    def to_run(self) -> list[Job]:
        """What can be run now, by what the run folders say; empty when the trial is finished."""
        if open_candidates := self._open_candidates():
            return open_candidates
        return [] if self.result.is_finished else [self.finals[self.chosen()]]

    def chosen(self) -> int:
        """Index of the choice that validation likes best; the first of equals.

        Raises:
            InputError: a candidate's run is not finished.
        """
        if not self.candidates:
            return 0
        evaluator: Evaluator = build(self.candidates[0].settings.eval)
        sign = 1.0 if evaluator.selection_higher_is_better else -1.0
        values = [job.run.read_summary()[evaluator.selection_metric] for job in self.candidates]
        return max(range(len(values)), key=lambda index: sign * values[index])

    @property
    def result(self) -> RunFolder:
        """The run that the report reads."""
        return self.finals[self.chosen()].run

    @property
    def num_jobs(self) -> int:
        """Runs of a trial that begins from nothing; without a look at test the choice is not run again."""
        return len(self.candidates) + (1 if self.finals[0].settings.test or not self.candidates else 0)

    @property
    def num_left(self) -> int:
        """Runs still to come."""
        if open_candidates := self._open_candidates():
            return len(open_candidates) + self.num_jobs - len(self.candidates)
        return len(self.to_run())

    def _open_candidates(self) -> list[Job]:
        return [job for job in self.candidates if not job.run.is_finished]


def plan(study: Study, arms: Sequence[Arm], seeds: Sequence[int], overrides: Sequence[str]) -> list[Trial]:
    """All trials, seed by seed; every setting is checked before anything is run.

    Args:
        study: its common settings come first, then those of the arm, then ``overrides``.
        arms: those to run.
        seeds: one split each; an arm with fewer seeds is run on the first of them.
        overrides: settings for all arms.

    Raises:
        InputError: a wrong setting, or one that the study itself decides.
    """
    if decided := [override for override in overrides if _key(override) in ("seed", "group")]:
        raise InputError(f"setting {decided[0]!r}: a study sets it itself; splits are chosen with --seeds N")
    silent = compose(["logger=none"]).logger
    trials = [
        trial
        for arm in arms
        for draw in range(len(arm.draws))
        for trial in _trials(arm, draw, seeds[: arm.seeds], [*_configs(study, arm, draw, overrides)], silent)
    ]
    return sorted(trials, key=lambda trial: trial.seed)


def _configs(study: Study, arm: Arm, draw: int, overrides: Sequence[str]) -> Iterator[DictConfig]:
    """One configuration per choice; a choice of mere values is set in a copy, which is much faster."""
    drawn = {_key(override) for replicate in arm.draws for override in replicate}
    if clash := [override for override in overrides if _key(override) in drawn]:
        raise InputError(f"setting {clash[0]!r}: arm {arm.name} is run for several values of it")
    chosen = {_key(override) for choice in arm.choices for override in choice}
    if clash := [override for override in overrides if _key(override) in chosen]:
        raise InputError(f"setting {clash[0]!r}: arm {arm.name} chooses it on validation")
    own = [*study.common, *arm.overrides, *arm.draws[draw]]
    base = _compose(study, [*own, *overrides])
    for choice in arm.choices:
        if chooses_option(choice):
            yield _compose(study, [*own, *choice, *overrides])
        else:
            yield with_values(base, choice)


def _compose(study: Study, overrides: Sequence[str]) -> DictConfig:
    """Compose one run of the study; of two overrides for one key the later counts."""
    cfg = compose([*last_of_each(overrides), f"group={study.name}"])
    if OmegaConf.select(cfg, "train.runtime.progress") is not None:
        cfg.train.runtime.progress = "off"  # the study has a bar of its own
    return cfg


def _trials(
    arm: Arm, draw: int, seeds: Sequence[int], configs: Sequence[DictConfig], silent: DictConfig
) -> Iterator[Trial]:
    """One draw of the arm on every split."""
    compared = configs if len(configs) > 1 else []
    blind = [_changed(cfg, test=False, logger=silent) for cfg in compared]
    for seed in seeds:
        candidates = tuple(_job(cfg, seed) for cfg in blind)
        finals = tuple(
            _job(cfg, seed, candidates[choice].run if candidates else None)
            for choice, cfg in enumerate(configs)
        )
        yield Trial(arm, draw, seed, finals, candidates)


def _job(settings: DictConfig, seed: int, twin: RunFolder | None = None) -> Job:
    settings.seed = seed  # for the name; the copy that is run sets it again
    folder = Path(settings.paths.runs) / settings.group / run_name(settings)
    return Job(settings, seed, RunFolder(folder), twin)


def _changed(settings: DictConfig, **values: object) -> DictConfig:
    cfg = copy.deepcopy(settings)
    for key, value in values.items():
        cfg[key] = value
    return cfg


def chooses_option(overrides: Sequence[str]) -> bool:
    """Whether one of the overrides swaps an option of a group, so that only composing anew will do."""
    return any(_key(override) in groups() for override in overrides)


def with_values(cfg: DictConfig, overrides: Sequence[str]) -> DictConfig:
    """A copy with mere values set, much faster than composing it."""
    changed = copy.deepcopy(cfg)
    changed.merge_with_dotlist(list(overrides))
    return changed


def last_of_each(overrides: Sequence[str]) -> list[str]:
    """Of several overrides for one key the last, where Hydra would refuse them."""
    return list({_key(override): override for override in overrides}.values())


def _key(override: str) -> str:
    return override.lstrip("+~").partition("=")[0].strip()
