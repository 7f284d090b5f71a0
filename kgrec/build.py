"""From names and configs to objects: the only caller of Hydra's ``compose`` and ``instantiate``."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException, InstantiationException
from hydra.utils import get_class, instantiate
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from kgrec.errors import InputError


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

    Raises:
        InputError: unknown group, option or key, or a malformed override; the message lists what is valid.
    """
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        return _with_clear_errors(lambda: hydra_compose("config", list(overrides)), overrides)


def sweep(overrides: Sequence[str], job: Callable[[DictConfig], Any]) -> list[Any]:
    """Run ``job`` for every combination of a Hydra multirun, with the launcher that the config names.

    Returns:
        What ``job`` returned, one entry per combination.
    """
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        hydra = GlobalHydra.instance().hydra
        if hydra is None:
            raise RuntimeError("Hydra was not initialised")
        returned = _with_clear_errors(
            lambda: hydra.multirun("config", job, list(overrides), with_log_configuration=False), overrides
        )
    return [result.return_value for batch in returned for result in batch]


def build(node: Any) -> Any:
    """Instantiate a config node with ``_target_`` (recursively).

    Sizes known only at run time are passed to the result of a ``_partial_: true`` node, never here: a
    dataclass passed as a keyword to ``instantiate`` would arrive as a config.

    Raises:
        InputError: a setting that the component refuses, with the component's own words.
    """
    try:
        return instantiate(node)
    except InstantiationException as error:
        cause = error.__cause__
        if isinstance(cause, InputError):
            raise cause from None
        if isinstance(cause, TypeError | ValueError):
            raise InputError(f"{node.get('_target_')}: {cause}") from error
        raise


def target_class(node: DictConfig) -> Any:
    """The class that ``node`` builds, without building it."""
    return get_class(node["_target_"])


def options(group: str) -> list[str]:
    """Names that ``group=…`` accepts, e.g. ``options("kg")``."""
    return sorted(path.stem for path in (config_dir() / group).glob("*.yaml"))


def groups() -> list[str]:
    """Config groups: the things that may be swapped, sub-groups such as ``data/split`` included."""
    root = config_dir()
    return sorted({path.parent.relative_to(root).as_posix() for path in root.glob("*/**/*.yaml")})


def _with_clear_errors(call: Callable[[], Any], overrides: Sequence[str]) -> Any:
    try:
        return call()
    except (HydraException, OmegaConfBaseException) as error:
        raise InputError(_explain(error, overrides)) from error


def _explain(error: Exception, overrides: Sequence[str]) -> str:
    """Say in one line which override is wrong and what would be right."""
    text = " ".join(str(error).split())
    for override in overrides:
        key, _, value = override.lstrip("+~").partition("=")
        group = key.partition("@")[0]
        if group in groups():
            wrong = [name for name in value.split(",") if name and name not in options(group)]
            if wrong:
                return f"setting {override!r}: {group} has no option {wrong[0]!r}; valid: {', '.join(options(group))}"
        elif key.partition(".")[0] in text and not override.startswith(("+", "~")):
            known = _keys_beside(key)
            if known is not None:
                return f"setting {override!r}: there is no key {key!r}; valid: {', '.join(known)}"
    missing = re.search(r"Missing mandatory value: (\S+)", text)
    if missing:
        return f"setting {missing.group(1)!r} must be given: it has no default"
    return f"configuration: {text}"


def _keys_beside(key: str) -> list[str] | None:
    """Valid siblings of a wrong ``key``; ``None`` where the key exists in the default configuration."""
    parent, _, leaf = key.rpartition(".")
    base = hydra_compose("config")
    node = OmegaConf.select(base, parent) if parent else base
    if not isinstance(node, DictConfig):
        return sorted(str(name) for name in base)
    return None if leaf in node else sorted(str(name) for name in node)
