"""Plots of reports, drawn without a display."""

import io
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kgrec.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.ticker import Formatter

STYLES = (
    ("#0072B2", "o", "-"),
    ("#D55E00", "s", "--"),
    ("#009E73", "^", "-."),
    ("#CC79A7", "D", ":"),
    ("#E69F00", "v", "-"),
    ("#56B4E9", "P", "--"),
    ("#000000", "X", "-."),
)
"""Colour (Okabe and Ito's palette, for any colour vision), marker and line (told apart in grey too)."""


@dataclass(frozen=True)
class SizePoint:
    """One model of the plot of quality against size.

    Attributes:
        series: curve it belongs to, e.g. the graph arm.
        label: written beside the point, e.g. the language model's size.
        parameters: needed to score a new item, above 0.
        mean, low, high: quality and the bounds of its interval.

    Raises:
        ValueError: no parameters, or bounds that do not enclose the mean.
    """

    series: str
    label: str
    parameters: float
    mean: float
    low: float
    high: float

    def __post_init__(self) -> None:
        if self.parameters <= 0:
            raise ValueError(
                f"{self.series} {self.label}: {self.parameters} parameters on a logarithmic axis"
            )
        if not self.low <= self.mean <= self.high:
            raise ValueError(f"{self.series} {self.label}: {self.mean} is not in [{self.low}, {self.high}]")


def quality_vs_size(points: Sequence[SizePoint], path: Path, metric: str = "Recall@20") -> None:
    """Quality with error bars against the parameters that scoring a new item needs, one curve per series.

    Args:
        points: in any order; series keep the order of their first point.
        path: the suffix decides the format, e.g. ``.png`` or ``.svg``.
        metric: name of the vertical axis.

    Raises:
        ValueError: no points.
        InputError: the file cannot be written.
    """
    _save(_size_figure(points, metric), path)


def quality_vs_size_svg(points: Sequence[SizePoint], metric: str) -> str:
    """The same as an ``<svg>`` element, to stand in a page."""
    from matplotlib import rc_context

    out = io.StringIO()
    # The same bytes each time, and text as text.
    with rc_context({"svg.hashsalt": metric, "svg.fonttype": "none"}):
        _size_figure(points, metric).savefig(out, format="svg", metadata={"Date": None})
    document = out.getvalue()
    return document[document.index("<svg") :]


def _size_figure(points: Sequence[SizePoint], metric: str) -> "Figure":
    if not points:
        raise ValueError("no points to plot")
    figure, axes = _new_figure()
    series: dict[str, list[SizePoint]] = defaultdict(list)
    for point in points:
        series[point.series].append(point)
    for index, (name, members) in enumerate(series.items()):
        _draw_series(axes, name, sorted(members, key=lambda point: point.parameters), index)
    _label_sizes(axes, points)
    axes.set_xscale("log")
    axes.margins(x=0.08, y=0.12)
    axes.xaxis.set_major_formatter(_count_formatter())
    axes.xaxis.set_minor_formatter(_count_formatter())
    axes.set_xlabel("parameters needed to score a new item")
    axes.set_ylabel(metric)
    axes.legend(frameon=False)
    return figure


def learning_curves(histories: Mapping[str, Sequence[Mapping[str, float]]], metric: str, path: Path) -> None:
    """A metric over the epochs, one curve per run.

    Args:
        histories: run → rows with ``epoch`` and, in validated epochs, ``metric``.
        metric: key of the rows, e.g. ``valid/recall@20``.
        path: the suffix decides the format.

    Raises:
        InputError: no row has the metric, or the file cannot be written.
    """
    figure, axes = _new_figure()
    for index, (name, rows) in enumerate(histories.items()):
        shown = [row for row in rows if row.get(metric) is not None]
        color, _, line = STYLES[index % len(STYLES)]
        if shown:
            epochs, values = [row["epoch"] for row in shown], [row[metric] for row in shown]
            axes.plot(epochs, values, color=color, linestyle=line, label=name)
    if not axes.lines:
        raise InputError(f"metric {metric}: found in no epoch of {', '.join(histories) or 'no run'}")
    axes.set_xlabel("epoch")
    axes.set_ylabel(metric)
    axes.legend(frameon=False)
    _save(figure, path)


def _new_figure() -> tuple["Figure", "Axes"]:
    """A figure of its own: no display, no state shared with the caller's plots."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0, 4.5), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)
    return figure, axes


def _count_formatter() -> "Formatter":
    """12M instead of 1.2 × 10⁷, at those ticks of a logarithmic axis that matplotlib would label."""
    from matplotlib.ticker import EngFormatter, LogFormatter

    class CountFormatter(LogFormatter):
        def __call__(self, x: float, pos: int | None = None) -> str:
            return EngFormatter(sep="")(x) if super().__call__(x, pos) else ""

    return CountFormatter()


def _draw_series(axes: "Axes", name: str, points: Sequence[SizePoint], index: int) -> None:
    color, marker, line = STYLES[index % len(STYLES)]
    means = [point.mean for point in points]
    axes.errorbar(
        [point.parameters for point in points],
        means,
        yerr=[
            [point.mean - point.low for point in points],
            [point.high - point.mean for point in points],
        ],
        color=color,
        marker=marker,
        linestyle=line,
        capsize=3,
        markersize=6,
        label=name,
    )


def _label_sizes(axes: "Axes", points: Sequence[SizePoint]) -> None:
    """Each label once, above the highest point that carries it."""
    highest: dict[str, SizePoint] = {}
    for point in points:
        if point.label and (point.label not in highest or point.high > highest[point.label].high):
            highest[point.label] = point
    for label, point in highest.items():
        axes.annotate(
            label,
            (point.parameters, point.high),
            xytext=(0, 4),
            textcoords="offset points",
            rotation=40,
            fontsize=8,
            color="0.25",
        )


def _save(figure: "Figure", path: Path) -> None:
    """Write under a temporary name, then rename."""
    kind = path.suffix.lstrip(".")
    if kind not in figure.canvas.get_supported_filetypes():
        raise InputError(f"{path}: found file type {kind or 'none'!r}, expected png, svg or pdf")
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(temporary, format=kind, dpi=200)
        temporary.replace(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror})") from error
