"""Quality along a quantity that a study changes step by step, such as the share of facts that are missing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kgrec.reporting.plots import error_bars, figure_svg, new_figure, save_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class CurvePoint:
    """One arm: its place on the horizontal axis, and its quality with the bounds of its interval."""

    place: float
    mean: float
    low: float
    high: float


Curves = Mapping[str, Sequence[CurvePoint]]
"""Name → its points, in any order."""


def quality_curves(curves: Curves, path: Path, metric: str, axis: str) -> None:
    """Quality with error bars, one curve per name.

    Args:
        curves: see :data:`Curves`.
        path: the suffix decides the format, e.g. ``.png`` or ``.svg``.
        metric: name of the vertical axis.
        axis: name of the horizontal one.

    Raises:
        InputError: the file cannot be written.
    """
    save_figure(_figure(curves, metric, axis), path)


def quality_curves_svg(curves: Curves, metric: str, axis: str) -> str:
    """The same as an ``<svg>`` element."""
    return figure_svg(_figure(curves, metric, axis), f"{metric} against {axis}")


def _figure(curves: Curves, metric: str, axis: str) -> "Figure":
    figure, axes = new_figure()
    for index, (name, points) in enumerate(curves.items()):
        ordered = sorted(points, key=lambda point: point.place)
        error_bars(axes, [point.place for point in ordered], ordered, index, name)
    axes.set_xlabel(axis)
    axes.set_ylabel(metric)
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, fontsize="small")
    return figure
