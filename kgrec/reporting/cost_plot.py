"""Quality against what it costs: intervals, the Pareto front, and what a graph adds to a language model."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kgrec.reporting.plots import error_bars, figure_svg, new_figure, save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.ticker import Formatter


@dataclass(frozen=True)
class CostPoint:
    """One model of the plot.

    Attributes:
        series: curve it belongs to, e.g. the graph arm.
        label: written beside the point, e.g. the language model's size.
        cost: above 0.
        mean, low, high: quality and the bounds of its interval.

    Raises:
        ValueError: no cost, or bounds that do not enclose the mean.
    """

    series: str
    label: str
    cost: float
    mean: float
    low: float
    high: float

    def __post_init__(self) -> None:
        if self.cost <= 0:
            raise ValueError(f"{self.series} {self.label}: a cost of {self.cost} on a logarithmic axis")
        if not self.low <= self.mean <= self.high:
            raise ValueError(f"{self.series} {self.label}: {self.mean} is not in [{self.low}, {self.high}]")


@dataclass(frozen=True)
class CostAxis:
    """The horizontal axis.

    Attributes:
        name: of the axis, with its unit.
        more_is_better: whether a larger number is the better one, as for a rate.
    """

    name: str
    more_is_better: bool = False


PARAMETERS = CostAxis("parameters needed to score a new item")


def quality_vs_cost(
    points: Sequence[CostPoint],
    path: Path,
    metric: str,
    axis: CostAxis = PARAMETERS,
    arrows: Sequence[tuple[CostPoint, CostPoint]] = (),
) -> None:
    """Quality with error bars against a cost, one curve per series, and the Pareto front behind them.

    Args:
        points: in any order; series keep the order of their first point.
        path: the suffix decides the format, e.g. ``.png`` or ``.svg``.
        metric: name of the vertical axis.
        axis: the horizontal one.
        arrows: from point to point, e.g. from a model without the graph to the same with it.

    Raises:
        ValueError: no points.
        InputError: the file cannot be written.
    """
    save_figure(_figure(points, metric, axis, arrows), path)


def quality_vs_cost_svg(
    points: Sequence[CostPoint],
    metric: str,
    axis: CostAxis = PARAMETERS,
    arrows: Sequence[tuple[CostPoint, CostPoint]] = (),
) -> str:
    """The same as an ``<svg>`` element, to stand in a page."""
    return figure_svg(_figure(points, metric, axis, arrows), f"{metric} {axis.name}")


def pareto_front(points: Sequence[CostPoint], more_is_better: bool = False) -> list[CostPoint]:
    """Those that no other point beats on the one side without losing on the other, cheapest first."""
    sign = -1.0 if more_is_better else 1.0
    front: list[CostPoint] = []
    for point in sorted(points, key=lambda point: (sign * point.cost, -point.mean)):
        if not front or point.mean > front[-1].mean:
            front.append(point)
    return front


def _figure(
    points: Sequence[CostPoint],
    metric: str,
    axis: CostAxis,
    arrows: Sequence[tuple[CostPoint, CostPoint]],
) -> "Figure":
    if not points:
        raise ValueError("no points to plot")
    figure, axes = new_figure()
    front = pareto_front(points, axis.more_is_better)
    axes.plot(
        [point.cost for point in front],
        [point.mean for point in front],
        color="0.8",
        linewidth=6,
        solid_capstyle="round",
        zorder=0,
        label="Pareto front",
    )
    series: dict[str, list[CostPoint]] = defaultdict(list)
    for point in points:
        series[point.series].append(point)
    for index, (name, members) in enumerate(series.items()):
        ordered = sorted(members, key=lambda point: point.cost)
        error_bars(axes, [point.cost for point in ordered], ordered, index, name)
    for start, end in arrows:
        style = {"arrowstyle": "->", "color": "0.35", "linewidth": 1.2, "shrinkA": 6, "shrinkB": 6}
        axes.annotate("", (end.cost, end.mean), (start.cost, start.mean), arrowprops=style)
    _label(axes, points)
    axes.set_xscale("log")
    axes.margins(x=0.08, y=0.12)
    axes.xaxis.set_major_formatter(_count_formatter())
    axes.xaxis.set_minor_formatter(_count_formatter())
    axes.set_xlabel(axis.name)
    axes.set_ylabel(metric)
    axes.legend(frameon=False)
    return figure


def _count_formatter() -> "Formatter":
    """12M instead of 1.2 × 10⁷, at those ticks of a logarithmic axis that matplotlib would label."""
    from matplotlib.ticker import EngFormatter, LogFormatter

    class CountFormatter(LogFormatter):
        def __call__(self, x: float, pos: int | None = None) -> str:
            return EngFormatter(sep="")(x) if super().__call__(x, pos) else ""

    return CountFormatter()


def _label(axes: "Axes", points: Sequence[CostPoint]) -> None:
    """Each label once, above the highest point that carries it."""
    highest: dict[str, CostPoint] = {}
    for point in points:
        if point.label and (point.label not in highest or point.high > highest[point.label].high):
            highest[point.label] = point
    for label, point in highest.items():
        axes.annotate(
            label,
            (point.cost, point.high),
            xytext=(0, 4),
            textcoords="offset points",
            rotation=40,
            fontsize=8,
            color="0.25",
        )
