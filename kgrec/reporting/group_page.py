"""The page of a group: its figures, tests, curves, costs and surroundings, in one file."""

import datetime
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from kgrec.errors import InputError
from kgrec.reporting.arms import RunArm, arms_of, check_same_protocol, reference_of, short
from kgrec.reporting.compare import MEASURED, Runs, compare, leading_metrics
from kgrec.reporting.cost_plot import CostPoint, quality_vs_cost_svg
from kgrec.reporting.costs import cost_table
from kgrec.reporting.curves import curve_figure
from kgrec.reporting.differ import ABSENT, read_surroundings
from kgrec.reporting.differences import difference_section, effect_section
from kgrec.reporting.html import Section, page
from kgrec.reporting.run_folder import settings_of_run
from kgrec.reporting.tables import Table, Value, is_number

COST_NOTE = (
    "Means over the runs of each arm. Params for a new item: language model + graph side (graph network, "
    "fusion, entity embeddings). Peak MB is that of the process since it began, an upper bound."
)
AGAIN = (
    "Each run repeats from its own folder, which holds every setting; the figures are then compared with "
    "those above, and what changed in code, versions or data is told first."
)
MOST_SERIES = 12


def group_page(runs: Runs, title: str, command: str, reference: str | None = None) -> str:
    """The whole document.

    Args:
        runs: see :func:`kgrec.reporting.compare.collect`.
        title: of the page.
        command: by which the page can be made again.
        reference: see :func:`kgrec.reporting.arms.reference_of`.

    Raises:
        InputError: runs without a common metric, or no such reference.
    """
    metric = leading_metrics(runs)[0]
    arms = arms_of(runs)
    reference_of(arms, metric, reference)  # a wrong name is refused, not told in the page
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    counted = f"{len(runs.folders)} finished runs of {len(arms)} settings"
    lead = [
        f"{counted}. To make this page again: {command} ({now}).",
        *check_same_protocol(runs),
    ]
    sections = [
        Section("Figures", tables=list(_figures(runs, metric))),
        _or_reason("Differences", lambda: difference_section(runs, [metric], reference)),
        _or_reason("Effects", lambda: effect_section(runs, metric)),
        Section("Learning curves", figures=curve_figure(runs)),
        _costs(arms, metric),
        Section("Protocol", tables=[("", _stated(runs))]),
        Section("Environment", tables=[("", _environment(runs))]),
        Section("Settings that all runs share", tables=[("", _shared_settings(runs))]),
        _again(runs, metric),
    ]
    return page(title, lead, sections)


def _or_reason(title: str, make: Callable[[], Section]) -> Section:
    """A section that needs paired runs, or why there is none."""
    try:
        return make()
    except InputError as error:
        return Section(title, text=[f"None: {error}."])


def _figures(runs: Runs, leading: str) -> Iterator[tuple[str, Table]]:
    """One table per set of candidates, that of the leading metric first; its heading tells the candidates."""
    by_candidates: dict[str, list[str]] = {leading.rpartition("/")[0]: [leading]}
    for key in runs.values:
        if key.startswith(MEASURED) and runs.table[key].dtype.is_numeric() and key != leading:
            by_candidates.setdefault(key.rpartition("/")[0], []).append(key)
    for prefix, metrics in by_candidates.items():
        table = compare(runs, metrics)
        columns = [short(name.removeprefix(f"{prefix}/")) for name in table.columns]
        yield prefix, replace(table, columns=columns)


def _costs(arms: Sequence[RunArm], metric: str) -> Section:
    means = [(arm.name, _means(arm)) for arm in arms]
    points = []
    for name, values in means:
        cost, quality = values.get("cost/new_item_params", 0.0), values.get(metric)
        if cost > 0 and quality is not None:
            points.append(CostPoint(name, "", cost, quality, quality, quality))
    drawn = 1 < len(points) <= MOST_SERIES
    figures = [quality_vs_cost_svg(points, metric)] if drawn else []
    return Section("What it costs", text=[COST_NOTE], tables=[("", cost_table(means))], figures=figures)


def _means(arm: RunArm) -> dict[str, float]:
    """Mean of each number that all runs of the arm state."""
    summaries = [run.read_summary() for runs in arm.runs.values() for run in runs]
    return {
        key: statistics.fmean(float(summary[key]) for summary in summaries)
        for key in summaries[0]
        if all(is_number(summary.get(key)) for summary in summaries)
    }


def _stated(runs: Runs) -> Table:
    keys = [key for key in runs.values if key.startswith("protocol/")]
    rows: list[list[Value]] = [
        [key.removeprefix("protocol/"), _all(runs.table[key].to_list())] for key in keys
    ]
    return Table(["protocol", "of the runs"], rows)


def _environment(runs: Runs) -> Table:
    around = [read_surroundings(run) for run in runs.folders]
    keys = dict.fromkeys(key for facts in around for key in facts)
    return Table(["fact", "of the runs"], [[key, _all([facts.get(key) for facts in around])] for key in keys])


def _shared_settings(runs: Runs) -> Table:
    settings = [settings_of_run(run.read_config()) for run in runs.folders]
    shared = [
        key for key, value in settings[0].items() if all(row.get(key, ABSENT) == value for row in settings)
    ]
    return Table(["setting", "value"], [[short(key), str(settings[0][key])] for key in shared])


def _again(runs: Runs, metric: str) -> Section:
    rows: list[list[Value]] = []
    for arm in arms_of(runs):
        for seed, folders in arm.runs.items():
            for run in folders:
                summary = run.read_summary()
                figure = summary.get(metric)
                rows.append([arm.name, seed, figure, summary.get("epochs"), f"kgrec rerun {run.path}"])
    table = Table(["arm", "seed", metric, "epochs", "to run it again"], rows)
    return Section("How to run it again", text=[AGAIN], tables=[("", table)])


def _all(values: Sequence[Any]) -> str:
    """The values that occur, each once; the first few of many."""
    found = list(dict.fromkeys(ABSENT if value is None else str(value) for value in values))
    rest = f" and {len(found) - 5} more" if len(found) > 5 else ""
    return ", ".join(found[:5]) + rest
