"""From names and configs to objects: the only caller of Hydra's ``compose`` and ``instantiate``."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException, InstantiationException
from hydra.utils import get_class, instantiate
from omegaconf import DictConfig, ListConfig, OmegaConf, open_dict, read_write
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from kgrec.errors import InputError

_NOT_COMPUTED = ("logger", "launcher", "experiment")
"""Groups that leave what is computed alone, or (``experiment``) only choose for the others."""

_NOT_COMPOSED = (
    *("sweep", "linking"),
    *("lm_tune", "lm_recommender", "lm_size", "lm_corpus", "lm_pretrain", "lm_distill"),
)
"""Folders of ``conf`` that are no group: nothing of them is part of a run of ``kgrec train``."""


def config_dir() -> Path:
    """The ``conf`` folder: inside the package when installed, else at the top of the checkout.

    Raises:
        InputError: neither exists.
    """
    package = Path(__file__).resolve().parent
    for folder in (package / "conf", package.parent / "conf"):
        if (folder / "config.yaml").is_file():
            return folder
    raise InputError(f"no configuration folder: expected conf/config.yaml in {package} or beside it")


def compose(overrides: Sequence[str] = ()) -> DictConfig:
    """Compose the configuration of one run.

    Args:
        overrides: Hydra overrides, e.g. ``["model=ease", "seed=3"]``.

    Returns:
        The configuration, with the option chosen of each group under ``choices``.

    Raises:
        InputError: unknown group, option or key, a malformed override, or a value of another type than the
            default; the message says what is valid.
    """
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        return _with_clear_errors(lambda: _compose_here(overrides), overrides)


def combinations(overrides: Sequence[str]) -> list[tuple[str, ...]]:
    """Settings of each run: ``kg=none,full seed=0`` → ``("kg=none", "seed=0")``, ``("kg=full", "seed=0")``.

    Raises:
        InputError: a malformed override.
    """
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        hydra = GlobalHydra.instance().hydra
        if hydra is None:
            raise RuntimeError("Hydra was not initialised")
        parser = OverridesParser.create(config_loader=hydra.config_loader)
        parsed = _with_clear_errors(lambda: parser.parse_overrides(list(overrides)), overrides)
        (combined,) = BasicSweeper.split_arguments(parsed, max_batch_size=None)
    return [tuple(words) for words in combined]


def build(node: Any) -> Any:
    """Instantiate a config node with ``_target_`` (recursively).

    Sizes known only at run time are passed to the result of a ``_partial_: true`` node, never here: a
    dataclass passed as a keyword to ``instantiate`` would arrive as a config.

    Raises:
        InputError: a setting that the component refuses, with the component's own words, or one that is
            missing.
    """
    try:
        return instantiate(node)
    except MissingMandatoryValue as error:
        raise InputError(_explain(error, ())) from error
    except InstantiationException as error:
        cause = error.__cause__
        if isinstance(cause, InputError):
            raise cause from None
        if isinstance(cause, TypeError | ValueError):
            raise InputError(f"{node.get('_target_')}: {_one_line(cause)}") from error
        raise


def component(folder: str, name: str, changes: Sequence[str] = ()) -> DictConfig:
    """The config of a component that is no part of a run, such as ``conf/linking/fuzzy.yaml``.

    Args:
        folder: of ``conf``.
        name: of the file, without its ending.
        changes: ``key=value`` of that file.

    Raises:
        InputError: there is no such component or key.
    """
    if name not in options(folder):
        raise InputError(f"{folder} has no option {name!r}; valid: {', '.join(options(folder))}")
    node = OmegaConf.load(config_dir() / folder / f"{name}.yaml")
    given = OmegaConf.from_dotlist(list(changes))
    wrong = [str(key) for key in given if key not in node or str(key).startswith("_")]
    if wrong:
        valid = [str(key) for key in node if not str(key).startswith("_")]
        raise InputError(f"{folder} {name} has no setting {wrong[0]!r}; valid: {', '.join(valid) or 'none'}")
    merged = OmegaConf.merge(node, given)
    if not isinstance(merged, DictConfig):
        raise InputError(f"{config_dir() / folder / name}.yaml: expected settings by name")
    return merged


def target_class(node: DictConfig) -> Any:
    """The class that ``node`` builds, without building it."""
    return get_class(node["_target_"])


def options(group: str) -> list[str]:
    """Names that ``group=…`` accepts, e.g. ``options("kg")``."""
    return sorted(path.stem for path in (config_dir() / group).glob("*.yaml"))


def groups() -> list[str]:
    """Config groups: the things that may be swapped, sub-groups such as ``data/split`` included."""
    root = config_dir()
    found = {path.parent.relative_to(root).as_posix() for path in root.glob("*/**/*.yaml")}
    return sorted(found - set(_NOT_COMPOSED))


def _compose_here(overrides: Sequence[str]) -> DictConfig:
    """Compose with Hydra's configuration folder already set."""
    cfg = hydra_compose("config", list(overrides), return_hydra_config=True)
    choices = cfg.hydra.runtime.choices
    with read_write(cfg), open_dict(cfg):
        del cfg["hydra"]
        cfg.choices = {group: choices.get(group) for group in groups() if group not in _NOT_COMPUTED}
    _check_types(cfg, overrides)
    return cfg


def _check_types(cfg: DictConfig, overrides: Sequence[str]) -> None:
    """Refuse a value of another type than the default that it replaces; null fits everywhere."""
    is_group = [_group_of(override) is not None for override in overrides]
    if all(is_group):
        return
    chosen = [override for override, group in zip(overrides, is_group, strict=True) if group]
    default = hydra_compose("config", chosen)
    for override in overrides:
        key = override.partition("=")[0]
        if _group_of(override) or override.startswith(("+", "~")):
            continue
        before, now = OmegaConf.select(default, key), OmegaConf.select(cfg, key)
        if before is None or now is None or _kind(now) in _FITS[_kind(before)]:
            continue
        hint = "; in a shell, quote text twice: '\"7\"'" if _kind(before) == "text" else ""
        raise InputError(f"setting {override!r}: expected {_kind(before)} such as {before!r}{hint}")


def _group_of(override: str) -> str | None:
    """The group of an override that chooses an option."""
    group = override.lstrip("+~").partition("=")[0].partition("@")[0]
    return group if group in groups() else None


def _kind(value: Any) -> str:
    """Type of a setting, in words."""
    kinds = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
    if isinstance(value, ListConfig):
        return "a list"
    return kinds.get(type(value), "a node")


_FITS: dict[str, tuple[str, ...]] = {
    "a number": ("a number", "a whole number"),
    **{kind: (kind,) for kind in ("true or false", "a whole number", "text", "a list", "a node")},
}
"""Kind of a default → kinds of values that may replace it."""


_NO_NAMES = ("true", "false", "null")
"""Words that Hydra reads as values, not as names."""


def _with_clear_errors(call: Callable[[], Any], overrides: Sequence[str]) -> Any:
    _check_options(overrides)
    try:
        return call()
    except (HydraException, OmegaConfBaseException) as error:
        raise InputError(_explain(error, overrides)) from error


def _check_options(overrides: Sequence[str]) -> None:
    """Refuse what Hydra itself would choke on: a truth value, null or a list in the place of an option."""
    for override in overrides:
        value = override.partition("=")[2].strip()
        group = _group_of(override)
        if (
            group
            and not override.startswith("~")
            and (value.lower() in _NO_NAMES or value.startswith(("[", "{")))
        ):
            wanted = ", ".join(options(group))
            raise InputError(f"setting {override!r}: {group} has no option {value!r}; valid: {wanted}")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _explain(error: Exception, overrides: Sequence[str]) -> str:
    """Say in one line which override is wrong and what would be right."""
    text = _one_line(error)
    for override in overrides:
        key, _, value = override.lstrip("+~").partition("=")
        group = _group_of(override)
        if group is not None:
            wrong = [name for name in value.split(",") if name not in options(group)]
            if wrong:
                valid = ", ".join(options(group))
                return f"setting {override!r}: {group} has no option {wrong[0]!r}; valid: {valid}"
        elif key.partition(".")[0] in text and not override.startswith(("+", "~")):
            known = _keys_beside(key, overrides)
            if known is not None:
                return f"setting {override!r}: there is no key {key!r}; valid: {', '.join(known)}"
    missing = re.search(r"Missing mandatory value: (\S+)", text)
    if missing:
        return f"setting {missing.group(1)!r} must be given: it has no default"
    return f"configuration: {text}"


def _keys_beside(key: str, overrides: Sequence[str]) -> list[str] | None:
    """Valid siblings of a wrong ``key``; ``None`` where the key exists with the options chosen."""
    try:
        base = hydra_compose("config", [override for override in overrides if _group_of(override)])
    except (HydraException, OmegaConfBaseException):  # an option is wrong too: what its group has is unknown
        base = hydra_compose("config")
    parent, _, leaf = key.rpartition(".")
    node = OmegaConf.select(base, parent) if parent else base
    while not isinstance(node, DictConfig):
        parent, _, leaf = parent.rpartition(".")
        node = OmegaConf.select(base, parent) if parent else base
    return None if leaf in node else sorted(str(name) for name in node if not str(name).startswith("_"))
