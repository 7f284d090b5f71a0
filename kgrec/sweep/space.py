"""Search spaces: which settings of a model ``kgrec sweep`` may move, and how far (``conf/sweep``)."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import yaml  # type: ignore[import-untyped]
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from kgrec.build import compose, config_dir, options
from kgrec.errors import InputError
from kgrec.sweep.budget import Budget, Pruning


@dataclass(frozen=True)
class Parameter:
    """One setting and the values it may take: either ``choices``, or all from ``low`` to ``high``.

    Attributes:
        key: a setting of a run, e.g. ``train.optimizer.lr``.
        choices: the values themselves, any that a setting may have, lists and options of groups too.
        low, high: the ends of a range; of two whole numbers all between are whole.
        log: the range is searched on a logarithmic scale.
    """

    key: str
    choices: tuple[Any, ...] = ()
    low: float | None = None
    high: float | None = None
    log: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.key, str) or not self.key:
            raise InputError(f"found key {self.key!r}, expected a setting such as train.optimizer.lr")
        if self.choices:
            if (self.low, self.high, self.log) != (None, None, False):
                raise InputError(f"{self.key}: found choices and a range, expected one of them")
            if len(set(map(written, self.choices))) < max(2, len(self.choices)):
                raise InputError(
                    f"{self.key}: found choices {list(self.choices)}, expected at least two, all different"
                )
            return
        if not (_is_number(self.low) and _is_number(self.high) and self.low < self.high):  # type: ignore[operator]
            raise InputError(f"{self.key}: found low {self.low} and high {self.high}, expected low < high")
        if self.log and not self.low > 0:  # type: ignore[operator]
            raise InputError(f"{self.key}: found low {self.low} on a logarithmic scale, expected low > 0")

    @property
    def distribution(self) -> BaseDistribution:
        """As Optuna has it; choices are told apart by how they are written."""
        if self.choices:
            return CategoricalDistribution([written(choice) for choice in self.choices])
        if isinstance(self.low, int) and isinstance(self.high, int):
            return IntDistribution(self.low, self.high, log=self.log)
        return FloatDistribution(float(self.low or 0.0), float(self.high or 0.0), log=self.log)

    def drawn(self, text: str) -> Any:
        """The value that Optuna has for what is written behind ``key=``; ``None`` where it draws no such."""
        if self.choices:
            return text if text in map(written, self.choices) else None
        value = json.loads(text)
        is_inside = _is_number(value) and self.low <= value <= self.high
        return value if is_inside else None

    @property
    def ends(self) -> tuple[Any, ...]:
        """Values that must compose if all do."""
        return self.choices or (self.low, self.high)


@dataclass(frozen=True)
class SearchSpace:
    """What ``conf/sweep/<name>.yaml`` says.

    Attributes:
        name: of the file.
        settings: overrides for which the space is meant; ``model=<name>`` where the file gives none.
        parameters: what is searched.
        budget: when the search ends, where the command does not say.
        pruning: when a trial is given up, where the command does not say.
    """

    name: str
    settings: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    budget: Budget = field(default_factory=Budget)
    pruning: Pruning = field(default_factory=Pruning)

    def without(self, overrides: Sequence[str]) -> "SearchSpace":
        """The space with what is given fixed.

        Raises:
            InputError: nothing is left to search.
        """
        given = {override.partition("=")[0] for override in overrides}
        left = tuple(parameter for parameter in self.parameters if parameter.key not in given)
        if not left:
            raise InputError(f"conf/sweep/{self.name}.yaml: every setting that it searches is given")
        return replace(self, parameters=left)

    @property
    def distributions(self) -> dict[str, BaseDistribution]:
        """Key → what Optuna draws from."""
        return {parameter.key: parameter.distribution for parameter in self.parameters}

    def check(self, overrides: Sequence[str]) -> None:
        """Compose with the ends of every range and with every choice.

        Raises:
            InputError: a key that a run with these overrides does not have, or a value of a wrong type.
        """
        for index in range(max(len(parameter.ends) for parameter in self.parameters)):
            values = [
                f"{parameter.key}={written(parameter.ends[min(index, len(parameter.ends) - 1)])}"
                for parameter in self.parameters
            ]
            try:
                compose([*overrides, *values])
            except InputError as error:
                raise InputError(f"conf/sweep/{self.name}.yaml: {error}") from error


def load_space(name: str) -> SearchSpace:
    """Read a search space.

    Raises:
        InputError: no such file (the known ones are listed), or one of another form.
    """
    path = config_dir() / "sweep" / f"{name}.yaml"
    if not path.is_file():
        raise InputError(
            f"no search space conf/sweep/{name}.yaml; there are {', '.join(options('sweep'))}: "
            "name one with --space, or write that file"
        )
    try:
        return _parsed(name, yaml.safe_load(path.read_text()))
    except (InputError, yaml.YAMLError) as error:
        raise InputError(f"conf/sweep/{name}.yaml: {' '.join(str(error).split())}") from error


def written(value: Any) -> str:
    """A value as it stands behind ``key=`` in an override: options of groups bare, other text quoted."""
    bare = isinstance(value, str) and value.replace("_", "").replace("-", "").isalnum()
    return str(value) if bare else json.dumps(value)


def _parsed(name: str, content: Any) -> SearchSpace:
    known = ("parameters", "settings", "budget", "pruning")
    if not isinstance(content, dict) or not content.keys() <= set(known):
        raise InputError(f"expected the key parameters and perhaps {', '.join(known[1:])}")
    given = content.get("parameters")
    if not isinstance(given, list) or not given:
        raise InputError("parameters: expected a list such as [{key: model.num_layers, choices: [1, 2]}]")
    parameters = tuple(_parameter(entry) for entry in given)
    keys = [parameter.key for parameter in parameters]
    if len(set(keys)) < len(keys):
        raise InputError(f"found keys {keys}, expected each once")
    return SearchSpace(
        name,
        tuple(content.get("settings") or [f"model={name}"]),
        parameters,
        Budget(**_section("budget", Budget, content)),
        Pruning(**_section("pruning", Pruning, content)),
    )


def _section(name: str, kind: type, content: dict[str, Any]) -> dict[str, Any]:
    """One of the file's smaller parts; what it leaves out is as for every other space."""
    given = content.get(name) or {}
    known = [each.name for each in fields(kind)]
    if not isinstance(given, dict) or not given.keys() <= set(known):
        raise InputError(f"{name}: found {given}, expected some of {', '.join(known)}")
    return given


def _parameter(entry: Any) -> Parameter:
    known = [each.name for each in fields(Parameter)]
    if not isinstance(entry, dict) or not entry.keys() <= set(known) or "key" not in entry:
        raise InputError(f"found parameter {entry}, expected key and some of {', '.join(known[1:])}")
    return Parameter(**{**entry, "choices": tuple(entry.get("choices") or ())})


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
