"""Compare runs by what their folders say: one row per run, then mean and spread over seeds."""

import json
import logging
import statistics
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from kgrec.errors import InputError
from kgrec.reporting.run_folder import RunFolder, settings_of_run
from kgrec.reporting.tables import Cell, Spread, Table, Value

log = logging.getLogger(__name__)

MEASURED = ("valid/", "test/")
"""Prefixes of the values that are metrics."""

COSTS = ("cost/new_item_params", "cost/train_s")
"""Costs that a table shows unless it is told what to show."""

SELECTED_ON = "protocol/selected_on"
"""Key of the metric on which a run chose its epoch."""

RUNS = Path("runs")
"""Where groups lie that are named without a folder."""

LOWER_IS_BETTER = ("cost/",)
"""Prefixes of the values of which less is better; of all others more is."""


@dataclass(frozen=True)
class Runs:
    """Finished runs side by side.

    Attributes:
        table: one row per run: ``group``, ``run``, ``seed``, then settings, then values.
        settings: dotted configuration keys that differ between the runs (null where a run has no such
            setting); without the seed.
        values: keys of the summaries (null where a run has no such value).
        folders: of the runs, in the order of the rows.
    """

    table: pl.DataFrame
    settings: tuple[str, ...]
    values: tuple[str, ...]
    folders: tuple[RunFolder, ...]

    @property
    def keys(self) -> list[str]:
        """Columns whose values tell one arm of the comparison from another."""
        return [key for key in ("group", *self.settings) if self.table[key].n_unique() > 1] or ["group"]


def collect(paths: Iterable[Path]) -> Runs:
    """Read run folders.

    Args:
        paths: run folders, or folders that hold some at any depth, e.g. a group, which may be named alone
            where it lies in ``runs``. Runs that are not finished are left out, which is logged.

    Raises:
        InputError: a path is no folder, there is no finished run in it, or a file cannot be read.
    """
    runs = list({run.path: run for path in paths for run in _finished_runs(Path(path))}.values())
    configs = [run.read_config() for run in runs]
    summaries = [run.read_summary() for run in runs]
    settings = [settings_of_run(config) for config in configs]
    differing = [
        key for key in _all_keys(settings) if len({_text(row.get(key, _ABSENT)) for row in settings}) > 1
    ]
    values = _all_keys(summaries)
    columns = {
        "group": [run.path.resolve().parent.name for run in runs],
        "run": [run.path.resolve().name for run in runs],
        "seed": [config.get("seed") for config in configs],
        **{key: _column([row.get(key) for row in settings]) for key in differing},
        **{key: _column([row.get(key) for row in summaries]) for key in values},
    }
    return Runs(pl.DataFrame(columns), tuple(differing), tuple(values), tuple(runs))


def folder_of(group: Path) -> Path:
    """The folder of a group that may be named alone where it lies in ``runs``.

    Raises:
        InputError: there is none.
    """
    for path in (group, RUNS / group):
        if path.is_dir():
            return path
    raise InputError(f"{group}: found no such folder, expected a run folder or a group of runs")


def without_implied_settings(runs: Runs) -> Runs:
    """Leave out settings that only repeat another column.

    These follow from the options chosen (``choices.lm`` says it for all ``lm.…``), or are the run's seed.
    """
    choices = [key for key in runs.settings if key.startswith("choices.")]
    combinations = len(runs.table.select(choices).unique()) if choices else 1
    free = [
        key
        for key in runs.settings
        if key not in choices
        and len(runs.table.select(*choices, key).unique()) > combinations
        and not _is_seed(runs, key)
    ]
    return replace(runs, settings=(*choices, *free))


def leading_metrics(runs: Runs) -> list[str]:
    """What the runs were selected on, as measured on test where that was done.

    Raises:
        InputError: a group has no metric in common with the others.
    """
    by_group = {
        str(group): [key for key in runs.values if key.startswith(MEASURED) and table[key].count()]
        for (group,), table in runs.table.group_by(["group"], maintain_order=True)
    }
    common = [key for key in runs.values if all(key in keys for keys in by_group.values())]
    if not common:
        found = "; ".join(f"{group} has {', '.join(keys[:3]) or 'none'}" for group, keys in by_group.items())
        raise InputError(f"found no metric that all groups have, expected one: {found}")
    on_test = [(key.replace("valid/", "test/", 1), key) for key in metrics_of_selection(runs)]
    leading = [next((key for key in pair if key in common), None) for pair in on_test]
    return [key for key in leading if key is not None] or common[:1]


def metrics_of_selection(runs: Runs) -> list[str]:
    """The metrics on which the runs chose their epochs, each once."""
    if SELECTED_ON not in runs.values:
        return []
    return [str(key) for key in runs.table[SELECTED_ON].drop_nulls().unique(maintain_order=True)]


def compare(runs: Runs, metrics: Sequence[str]) -> Table:
    """Mean ± standard deviation over the seeds of each setting, the best of each metric marked.

    Args:
        runs: see :func:`collect`.
        metrics: summary keys, one column each; the first one orders the rows, best first.

    Raises:
        InputError: a metric that no run has, or that is no number.
    """
    for metric in metrics:
        if metric not in runs.values or not runs.table[metric].dtype.is_numeric():
            known = [key for key in runs.values if runs.table[key].dtype.is_numeric()]
            raise InputError(f"metric {metric}: found in no run, expected one of {', '.join(known)}")
    keys = runs.keys
    groups = runs.table.group_by(keys, maintain_order=True)
    rows = [(list(key), [_spread(table[metric]) for metric in metrics], len(table)) for key, table in groups]
    best = [_best(metric, [row[1][column] for row in rows]) for column, metric in enumerate(metrics)]
    rows.sort(key=lambda row: _order(metrics[0], row[1][0]))
    return Table(
        [*keys, "runs", *metrics],
        [
            [*key, count, *(_cell(spread, top) for spread, top in zip(spreads, best, strict=True))]
            for key, spreads, count in rows
        ],
    )


_ABSENT = object()


def _is_seed(runs: Runs, key: str) -> bool:
    """Whether a setting is ``${seed}`` in every run that has it."""
    values = runs.table[key]
    if not (key.endswith(".seed") and values.dtype.is_numeric()):
        return False
    return bool((values == runs.table["seed"]).drop_nulls().all())


def _finished_runs(given: Path) -> list[RunFolder]:
    path = folder_of(given)
    runs = list(_run_folders(path))
    finished = [run for run in runs if run.is_finished]
    if not finished:
        raise InputError(f"{path}: found {len(runs)} runs, none of them finished, expected at least one")
    if len(finished) < len(runs):
        log.warning(
            "%s: %d of %d runs are not finished and left out", path, len(runs) - len(finished), len(runs)
        )
    return finished


def _run_folders(path: Path) -> Iterator[RunFolder]:
    """Run folders at or below ``path``; nothing is looked for inside of one."""
    if (path / "config.yaml").is_file():
        yield RunFolder(path)
        return
    for child in sorted(path.iterdir()):
        if child.is_dir():
            yield from _run_folders(child)


def _all_keys(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Keys of all rows, in the order of their first row."""
    return list(dict.fromkeys(key for row in rows for key in row))


def _text(value: Any) -> str:
    return "absent" if value is _ABSENT else json.dumps(value, default=str)


def _column(values: list[Any]) -> list[Any]:
    """Values of one kind as they are, of several kinds as text."""
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {int, float} or kinds in ({bool}, {str}):
        return [float(value) if float in kinds and value is not None else value for value in values]
    return [None if value is None else value if isinstance(value, str) else _text(value) for value in values]


def _spread(values: pl.Series) -> Spread | None:
    """Mean and sample standard deviation of what is not missing."""
    numbers = [float(value) for value in values.drop_nulls()]
    if not numbers:
        return None
    return Spread(statistics.fmean(numbers), statistics.stdev(numbers) if len(numbers) > 1 else None)


def _best(metric: str, spreads: Sequence[Spread | None]) -> float | None:
    """The best mean, ``None`` where there is nothing to choose between."""
    means = [spread.mean for spread in spreads if spread is not None]
    if len(means) < 2:
        return None
    return min(means) if metric.startswith(LOWER_IS_BETTER) else max(means)


def _order(metric: str, spread: Spread | None) -> float:
    """Sort key: best first, missing last."""
    if spread is None:
        return float("inf")
    return spread.mean if metric.startswith(LOWER_IS_BETTER) else -spread.mean


def _cell(spread: Spread | None, best: float | None) -> Value | Cell:
    return Cell(spread, best=spread is not None and spread.mean == best)
