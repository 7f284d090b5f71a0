"""Plots of reports, drawn without a display."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kgrec.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

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


def learning_curves(histories: Mapping[str, Sequence[Mapping[str, float]]], metric: str, path: Path) -> None:
    """A metric over the epochs, one curve per run.

    Args:
        histories: run → rows with ``epoch`` and, in validated epochs, ``metric``.
        metric: key of the rows, e.g. ``valid/recall@20``.
        path: the suffix decides the format.

    Raises:
        InputError: no row has the metric, or the file cannot be written.
    """
    figure, axes = new_figure()
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
    save_figure(figure, path)


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
