"""A picture of an entity and its neighbours: a tree to both sides, in which no two labels meet."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill, shorten
from typing import TYPE_CHECKING, Any

from kgrec.reporting.plots import STYLES, new_figure, save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEAF, LEAF_WITH_NOTE, GAP = 0.27, 0.42, 0.2
"""Inches: height of a line, of one with a note below it, space between branches."""

_MIDDLE, _SPACE = 1.2, 0.75
"""Inches: half of what the middle may need, space for the curves before and behind a relation."""

_LABEL, _NOTE, _RELATION = 0.083, 0.062, 0.086
"""Inches that a letter needs, on average, with some to spare."""

_LABEL_LENGTH, _NOTE_LENGTH = 46, 68
_CAPTION = "Arrows run from head to tail of a fact. Filled: items. Grey: other items with the same neighbour."


@dataclass(frozen=True)
class DrawnLeaf:
    """A label at the end of a line, and a note below it, which may be empty."""

    label: str
    note: str
    is_item: bool
    is_rest: bool = False  # "… and 37 more"

    @property
    def height(self) -> float:
        """Inches."""
        return LEAF_WITH_NOTE if self.note else LEAF


@dataclass(frozen=True)
class DrawnBranch:
    """Leaves behind one label: relations by name, each with whether it leads away from the middle."""

    relations: tuple[tuple[str, bool], ...]
    leaves: tuple[DrawnLeaf, ...]

    @property
    def height(self) -> float:
        """Inches; a label of several relations may be higher than few leaves."""
        return max(sum(leaf.height for leaf in self.leaves), 0.18 * len(self.relations) + 0.08) + GAP


@dataclass(frozen=True)
class _Columns:
    """Inches from the middle: centres of relations, where leaves begin, where labels end."""

    branch: float
    leaf: float
    end: float

    @classmethod
    def of(cls, branches: Sequence[DrawnBranch]) -> "_Columns":
        relations = [_relation(name, True) for branch in branches for name, _ in branch.relations]
        half = max(map(len, relations)) * _RELATION / 2
        leaves = [leaf for branch in branches for leaf in branch.leaves]
        label = max(min(len(leaf.label), _LABEL_LENGTH) for leaf in leaves) * _LABEL
        note = max(min(len(leaf.note), _NOTE_LENGTH) for leaf in leaves) * _NOTE
        branch = _MIDDLE + _SPACE + half
        leaf = branch + half + _SPACE
        return cls(branch, leaf, leaf + max(label, note) + 0.3)


def draw_close_up(title: str, subtitle: str, branches: Sequence[DrawnBranch], path: Path) -> None:
    """Write the picture of :func:`close_up_figure`; the suffix decides the format.

    Raises:
        InputError: the file cannot be written.
    """
    save_figure(close_up_figure(title, subtitle, branches), path)


def close_up_figure(title: str, subtitle: str, branches: Sequence[DrawnBranch]) -> "Figure":
    """Draw what stands in the middle and its branches to the right and left.

    Args:
        title: of the middle, wrapped where it is long.
        subtitle: below it, smaller; may be empty.
        branches: one or more, drawn in their order, first down the right side, then down the left one.
    """
    right, left = two_sides(branches)
    columns = _Columns.of(branches)
    height = max(1.6, *(sum(branch.height for branch in side) for side in (right, left))) + 0.5
    start = -columns.end if left else -_MIDDLE - 0.3
    figure, axes = new_figure()
    figure.set_layout_engine("none")
    figure.set_size_inches(columns.end - start, height)
    axes.set_position((0.0, 0.0, 1.0, 1.0))
    axes.set_axis_off()
    axes.set_xlim(start, columns.end)
    axes.set_ylim(-height / 2, height / 2)
    for side, first, direction in ((right, 0, 1), (left, len(right), -1)):
        top = sum(branch.height for branch in side) / 2
        for number, branch in enumerate(side, start=first):
            _draw_branch(axes, branch, top, direction, columns, STYLES[number % len(STYLES)][0])
            top -= branch.height
    _draw_middle(axes, title, subtitle)
    caption_x = (start + columns.end) / 2
    _label(axes, caption_x, 0.12 - height / 2, _CAPTION, color="0.45", fontsize=8)
    return figure


def two_sides(branches: Sequence[DrawnBranch]) -> tuple[list[DrawnBranch], list[DrawnBranch]]:
    """Cut the branches in two, in their order, where both sides are as equal in height as can be."""

    def highest(cut: int) -> float:
        return max(sum(branch.height for branch in side) for side in (branches[:cut], branches[cut:]))

    cut = min(range(len(branches), -1, -1), key=highest)
    return list(branches[:cut]), list(branches[cut:])


def _draw_middle(axes: "Axes", title: str, subtitle: str) -> None:
    lines = fill(shorten(title, 80, placeholder=" …"), 16)
    box = {"boxstyle": "round,pad=0.6", "facecolor": "0.15", "edgecolor": "white"}
    room = f"{lines}\n" if subtitle else lines  # the box is as large as an unseen text of both
    _label(axes, 0, 0, room, box, color="0.15", fontsize=13, weight="bold")
    _label(axes, 0, 0.09 if subtitle else 0, lines, color="white", fontsize=13, weight="bold")
    _label(axes, 0, -0.11 * (lines.count("\n") + 1) - 0.07, subtitle, color="0.8", fontsize=8)


def _draw_branch(
    axes: "Axes", branch: DrawnBranch, top: float, direction: int, columns: _Columns, color: str
) -> None:
    """One side's branch, the upper end of which lies at ``top``; direction 1 = to the right, -1 = left."""
    middle = top - branch.height / 2
    branch_x, leaf_x = direction * columns.branch, direction * columns.leaf
    _curve(axes, (0, 0), (branch_x, middle), color, 2.0)
    y = middle + sum(leaf.height for leaf in branch.leaves) / 2
    for leaf in branch.leaves:
        at = y - LEAF / 2
        _curve(axes, (branch_x, middle), (leaf_x, at), color, 1.0)
        _draw_leaf(axes, leaf, leaf_x + 0.09 * direction, at, direction, color)
        y -= leaf.height
    label = "\n".join(_relation(name, away == (direction > 0)) for name, away in branch.relations)
    box = {"boxstyle": "round,pad=0.4", "facecolor": color, "edgecolor": "white", "linewidth": 1.5}
    _label(axes, branch_x, middle, label, box, color=_on(color), fontsize=8, weight="bold")


def _on(color: str) -> str:
    """Black or white, whichever is easier to read on a colour."""
    from matplotlib.colors import to_rgb

    red, green, blue = to_rgb(color)
    return "0.1" if 0.3 * red + 0.59 * green + 0.11 * blue > 0.55 else "white"


def _draw_leaf(axes: "Axes", leaf: DrawnLeaf, x: float, y: float, direction: int, color: str) -> None:
    from matplotlib.colors import to_rgb

    side = "left" if direction > 0 else "right"
    label = shorten(leaf.label, _LABEL_LENGTH, placeholder=" …")
    if leaf.is_rest:
        _label(axes, x, y, label, side=side, color="0.4", fontsize=8, style="italic")
        return
    tint = tuple(0.8 + 0.2 * part for part in to_rgb(color)) if leaf.is_item else "white"
    box = {"boxstyle": "round,pad=0.22", "facecolor": tint, "edgecolor": color, "linewidth": 0.8}
    _label(axes, x, y, label, box, side, color="0.1", fontsize=8.5)
    if leaf.note:
        note = shorten(leaf.note, _NOTE_LENGTH, placeholder=" …")
        _label(axes, x, y - 0.18, note, side=side, color="0.5", fontsize=7)


def _curve(
    axes: "Axes", start: tuple[float, float], end: tuple[float, float], color: str, width: float
) -> None:
    """A line that leaves and arrives level."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path as Outline

    half = (start[0] + end[0]) / 2
    outline = Outline([start, (half, start[1]), (half, end[1]), end], [Outline.MOVETO, *[Outline.CURVE4] * 3])
    axes.add_patch(
        PathPatch(outline, facecolor="none", edgecolor=color, linewidth=width, alpha=0.7, zorder=1)
    )


def _label(
    axes: "Axes",
    x: float,
    y: float,
    text: str,
    box: dict[str, Any] | None = None,
    side: str = "center",
    **font: Any,
) -> None:
    """Text as it is: a dollar sign in a title begins no formula."""
    axes.text(x, y, text, ha=side, va="center", bbox=box, zorder=3, parse_math=False, **font)


def _relation(name: str, points_right: bool) -> str:
    """The last two words of a relation's name, with the way in which its arrow points."""
    last = re.split(r"[/#]", name.rstrip("/#"))[-1]
    short = ".".join(last.split(".")[-2:])
    return f"{short} ▸" if points_right else f"◂ {short}"
