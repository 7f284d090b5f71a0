"""Learning curves of the arms of a comparison."""

from collections.abc import Iterator
from pathlib import Path

from kgrec.errors import InputError
from kgrec.reporting.arms import RunArm, arms_of
from kgrec.reporting.compare import Runs, metrics_of_selection
from kgrec.reporting.plots import Histories, learning_curves, learning_curves_svg


def save_curves(runs: Runs, path: Path) -> None:
    """Draw the metric that the runs were selected on over their epochs.

    Raises:
        InputError: the runs were selected on several, or there is none; or the file cannot be written.
    """
    found = list(_by_metric(runs))
    if len(found) != 1:
        metrics = ", ".join(metric for metric, _ in found) or "none"
        raise InputError(
            f"learning curves: found {metrics} as what runs were selected on, expected one metric"
        )
    learning_curves(found[0][1], found[0][0], path)


def curve_figure(runs: Runs) -> list[str]:
    """An ``<svg>`` for each metric that runs were selected on."""
    return [learning_curves_svg(histories, metric) for metric, histories in _by_metric(runs)]


def _by_metric(runs: Runs) -> Iterator[tuple[str, Histories]]:
    """Metric of selection → arm → rows of its runs' epochs, of arms that have some."""
    arms = arms_of(runs)
    for metric in metrics_of_selection(runs):
        histories = {
            arm.name: [rows for rows in _rows(arm) if any(row.get(metric) is not None for row in rows)]
            for arm in arms
        }
        shown = {name: rows for name, rows in histories.items() if rows}
        if shown:
            yield metric, shown


def _rows(arm: RunArm) -> Iterator[list[dict[str, float]]]:
    """Rows of each run that has its file; runs given back from what was kept have none."""
    for folders in arm.runs.values():
        yield from (run.read_metrics() for run in folders if (run.path / "metrics.jsonl").is_file())
