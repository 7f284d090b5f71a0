"""A multirun: a run for each combination of settings, launched together and resumed together."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from kgrec.build import build, combinations, compose
from kgrec.errors import InputError
from kgrec.launchers.base import Launcher
from kgrec.launchers.local import Local
from kgrec.pipeline import run_name
from kgrec.reporting.run_folder import RunFolder
from kgrec.studies.progress import JobProgress


@dataclass(frozen=True)
class Job:
    """One job of a multirun.

    Attributes:
        overrides: its settings, as they would stand in a command of its own.
        run: where it lies.
        message: what stopped it; empty where nothing did.
    """

    overrides: tuple[str, ...]
    run: RunFolder
    message: str


def multirun(overrides: Sequence[str]) -> list[Job]:
    """Run what is unfinished of every combination, with the launcher that the settings name.

    A finished run is skipped by its id, one that was stopped goes on from its checkpoint, one that fails does
    not stop the others.

    Args:
        overrides: of Hydra, with several values where wanted: ``seed=0,1``, ``'seed=range(5)'``.

    Returns:
        All jobs, in the order of the combinations; two that are the same run are one.

    Raises:
        InputError: one of the combinations does not compose, or cannot be launched; no job has run then.
    """
    composed = [(words, compose(words)) for words in combinations(overrides)]
    launcher = _launcher([cfg for _, cfg in composed])
    given = {_run_of(cfg).path: (words, cfg) for words, cfg in composed}
    configs = {path: cfg for path, (_, cfg) in given.items() if not RunFolder(path).is_finished}
    if len(given) > 1:
        for cfg in configs.values():
            if OmegaConf.select(cfg, "train.runtime.progress") is not None:
                cfg.train.runtime.progress = "off"  # the multirun has a line of its own
    left, messages = list(configs), {}
    with JobProgress(len(given), len(given) - len(left)) as progress:
        for end in launcher.launch([configs[path] for path in left]) if left else ():
            messages[left[end.index]] = end.message
            progress.job_done()
            progress.look()
    return [Job(words, RunFolder(path), messages.get(path, "")) for path, (words, _) in given.items()]


def _run_of(cfg: DictConfig) -> RunFolder:
    return RunFolder(Path(cfg.paths.runs) / cfg.group / run_name(cfg))


def _launcher(configs: Sequence[DictConfig]) -> Launcher:
    """The launcher that all name."""
    if any(cfg.launcher != configs[0].launcher for cfg in configs):
        raise InputError("launcher: found several, expected one for the whole multirun")
    launcher: Launcher = build(configs[0].launcher)
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and not isinstance(launcher, Local):
        raise InputError(
            f"launcher: found {type(launcher).__name__.lower()} in one of several processes of the same job, "
            "expected local"
        )
    return launcher
