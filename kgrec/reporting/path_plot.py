"""A picture of paths through a graph, from user to item."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten

from kgrec.reporting.plots import STYLES, new_figure, save_figure

_LABEL_LENGTH = 28


@dataclass(frozen=True)
class DrawnEdge:
    """A line between two nodes: names of the relations that join them, and what decides its width, > 0."""

    source: int
    target: int
    relations: tuple[str, ...]
    strength: float


def draw_paths(
    positions: Mapping[int, tuple[float, float]],
    names: Mapping[int, str],
    edges: Sequence[DrawnEdge],
    path: Path,
) -> None:
    """Draw nodes at their positions; the strongest edge is the widest, relations go by their last name.

    Args:
        positions: node → x, y.
        names: node → label, shortened where it is long.
        edges: between these nodes.
        path: the suffix decides the format.

    Raises:
        InputError: the file cannot be written.
    """
    figure, axes = new_figure()
    columns, rows = (len({place[axis] for place in positions.values()}) for axis in (0, 1))
    figure.set_size_inches(3.2 * columns, 1.0 + 0.8 * rows)
    axes.set_axis_off()
    axes.margins(0.12, 0.2)
    strongest = max(edge.strength for edge in edges)
    color = STYLES[0][0]
    for edge in edges:
        (x, y), (to_x, to_y) = positions[edge.source], positions[edge.target]
        width = 0.6 + 3.4 * edge.strength / strongest
        axes.plot([x, to_x], [y, to_y], color=color, alpha=0.6, linewidth=width, zorder=1)
        label = "\n".join(re.split(r"[./#]", relation.rstrip("./#"))[-1] for relation in edge.relations)
        middle = ((x + to_x) / 2, (y + to_y) / 2)
        axes.annotate(label, middle, ha="center", va="center", fontsize=8, color="0.2", zorder=2)
    box = {"boxstyle": "round", "facecolor": "white", "edgecolor": color}
    for node, place in positions.items():
        label = shorten(names[node], _LABEL_LENGTH, placeholder=" …")
        axes.annotate(label, place, ha="center", va="center", fontsize=9, bbox=box, zorder=3)
    save_figure(figure, path)
