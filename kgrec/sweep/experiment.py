"""A trial's settings as a file of ``conf/experiment``."""

from collections.abc import Mapping, Sequence
from typing import Any

import yaml  # type: ignore[import-untyped]
from omegaconf import DictConfig, OmegaConf

from kgrec.build import compose
from kgrec.errors import InputError
from kgrec.reporting.run_folder import NOT_IN_RUN_ID, flatten

NOT_IN_EXPERIMENT = (*NOT_IN_RUN_ID, "test", "choices")
"""What the command decides, not the experiment."""


def experiment_file(name: str, overrides: Sequence[str], about: str) -> bytes:
    """An experiment that stands alone: it names what differs from the defaults of the options it chooses.

    Args:
        name: of the file, without its ending.
        overrides: settings of a run, those of an ``experiment=…`` among them.
        about: one line on where the settings come from.

    Raises:
        InputError: the settings cannot be written as such a file.
    """
    cfg = compose(overrides)
    choices = _decisive_choices(cfg)
    lines = ["# @package _global_", f"# kgrec train experiment={name}", f"# {about}", "defaults:"]
    lines += [f"  - override /{group}: {option}" for group, option in choices.items()]
    changed = _changed(cfg, compose([f"{group}={option}" for group, option in choices.items()]))
    body = yaml.safe_dump(changed, sort_keys=False) if changed else ""
    return ("\n".join(lines if choices else lines[:-1]) + f"\n\n{body}").encode()


def _decisive_choices(cfg: DictConfig) -> dict[str, str]:
    """Options that differ from the defaults, without those that follow from the others."""
    usual = compose().choices
    wanted = {str(group): option for group, option in cfg.choices.items()}
    chosen = {group: str(option) for group, option in wanted.items() if option != usual.get(group)}
    for group in list(chosen):
        rest = {other: option for other, option in chosen.items() if other != group}
        if dict(compose([f"{other}={option}" for other, option in rest.items()]).choices) == wanted:
            chosen = rest
    return chosen


def _changed(cfg: DictConfig, base: DictConfig) -> dict[str, Any]:
    """Nested settings of ``cfg`` that ``base`` has otherwise, as they are written: references stay such."""
    values, usual = _flat(cfg), _flat(base)
    if missing := [key for key in usual if key not in values]:
        raise InputError(f"setting {missing[0]!r} was taken away, which an experiment cannot say")
    nested: dict[str, Any] = {}
    for key, value in values.items():
        if key not in usual or usual[key] != value:
            *parents, leaf = key.split(".")
            node = nested
            for parent in parents:
                node = node.setdefault(parent, {})
            node[leaf] = value
    return nested


def _flat(cfg: DictConfig) -> dict[str, Any]:
    plain: Any = OmegaConf.to_container(cfg, resolve=False)
    kept: Mapping[str, Any] = {key: value for key, value in plain.items() if key not in NOT_IN_EXPERIMENT}
    flat = flatten(kept)
    flat.pop("train.runtime.progress", None)
    return flat
