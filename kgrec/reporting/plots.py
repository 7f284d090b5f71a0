"""Plots of reports, drawn without a display."""

import io
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from kgrec.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CURVE = "learning-curve"


class Estimated(Protocol):
    """A figure with the bounds of its interval."""

    @property
    def mean(self) -> float:
        """The figure."""
        ...

    @property
    def low(self) -> float:
        """Lower bound."""
        ...

    @property
    def high(self) -> float:
        """Upper bound."""
        ...


Figures = dict[str, "Figure"]
"""Name → figure."""

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


Histories = Mapping[str, Sequence[Sequence[Mapping[str, float]]]]
"""Arm → for each of its runs the rows of its epochs: ``epoch`` and, in validated ones, metrics."""


def error_bars(
    axes: "Axes", places: Sequence[float], points: Sequence[Estimated], index: int, name: str
) -> None:
    """Draw points with their intervals, joined by a line, in the style of the series ``index``."""
    color, marker, line = STYLES[index % len(STYLES)]
    axes.errorbar(
        places,
        [point.mean for point in points],
        yerr=[[point.mean - point.low for point in points], [point.high - point.mean for point in points]],
        color=color,
        marker=marker,
        linestyle=line,
        capsize=3,
        label=name,
    )


def learning_curves(histories: Histories, metric: str, path: Path) -> None:
    """A metric over the epochs, one colour per arm and one curve per run.

    Args:
        histories: see :data:`Histories`; a run of one epoch is a point.
        metric: key of the rows, e.g. ``valid/recall@20``.
        path: the suffix decides the format.

    Raises:
        InputError: no row has the metric, or the file cannot be written.
    """
    save_figure(curve_figure(histories, metric), path)


def learning_curves_svg(histories: Histories, metric: str) -> str:
    """The same as an ``<svg>`` element: a curve under the pointer tells its name and stands out.

    Raises:
        InputError: no row has the metric.
    """
    svg = figure_svg(curve_figure(histories, metric), f"learning curves of {metric}")
    for index, name in enumerate(histories):
        svg = svg.replace(f'<g id="{CURVE}-{index}">', f'<g class="curve"><title>{escape(name)}</title>')
    return svg


def figure_svg(figure: "Figure", salt: str) -> str:
    """A figure as an ``<svg>`` element to stand in a page.

    Args:
        figure: to draw.
        salt: makes its names unlike those of every other figure of the page.
    """
    from matplotlib import rc_context

    out = io.StringIO()
    # The same bytes each time, names that no other figure of the page has, and text as text.
    with rc_context({"svg.hashsalt": salt, "svg.fonttype": "none"}):
        figure.savefig(out, format="svg", metadata={"Date": None})
    document = out.getvalue()
    return document[document.index("<svg") :]


def curve_figure(histories: Histories, metric: str) -> "Figure":
    """The figure of :func:`learning_curves`.

    Raises:
        InputError: no row has the metric.
    """
    figure, axes = new_figure()
    for index, (name, runs) in enumerate(histories.items()):
        color, marker, line = STYLES[index % len(STYLES)]
        label: str | None = name
        for rows in runs:
            shown = [row for row in rows if row.get(metric) is not None]
            if shown:
                (curve,) = axes.plot(
                    [row["epoch"] for row in shown],
                    [row[metric] for row in shown],
                    color=color,
                    linestyle=line,
                    marker=marker if len(shown) == 1 else "",
                    label=label,
                )
                curve.set_gid(f"{CURVE}-{index}")
                label = None  # an arm stands in the legend once
    if not axes.lines:
        raise InputError(f"metric {metric}: found in no epoch of {', '.join(histories) or 'no run'}")
    axes.set_xlabel("epoch")
    axes.set_ylabel(metric)
    axes.legend(frameon=False, fontsize="small")
    return figure


def pixels(figure: "Figure") -> NDArray[np.uint8]:
    """A figure as an image ``[height, width, 3]``."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def new_figure() -> tuple["Figure", "Axes"]:
    """A figure of its own: no display, no state shared with the caller's plots."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0, 4.5), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)
    return figure, axes


def save_figure(figure: "Figure", path: Path) -> None:
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
