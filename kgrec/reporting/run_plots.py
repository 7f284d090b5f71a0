"""Plots of one run: how its model uses graph and text, and where it puts the items."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from kgrec.reporting.plots import STYLES, new_figure
from kgrec.shapes import BoolArray, FloatArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_RELATIONS = 25
BINS = 40


def distribution(name: str, values: FloatArray, groups: Mapping[str, BoolArray]) -> "Figure":
    """How many items have which value, one outline per group.

    Args:
        name: of the values.
        values: ``[I]``, NaN where an item has none.
        groups: name → ``[I]``.
    """
    figure, axes = new_figure()
    known = values[~np.isnan(values)]
    edges = np.histogram_bin_edges(known, bins=BINS)
    for (group, mask), (color, _, line) in zip(groups.items(), STYLES, strict=False):
        own = values[mask & ~np.isnan(values)]
        if len(own):
            label = f"{group} ({len(own):,})"
            axes.hist(own, bins=edges.tolist(), histtype="step", color=color, linestyle=line, label=label)
    axes.set_xlabel(name)
    axes.set_ylabel("items")
    axes.legend(frameon=False, fontsize="small")
    return figure


def relation_bars(name: str, weights: Sequence[tuple[str, float]]) -> "Figure":
    """A bar for each relation, the greatest in absolute value on top; of many, the greatest alone.

    Args:
        name: of the weights.
        weights: relation and its weight.
    """
    shown = sorted(weights, key=lambda pair: -abs(pair[1]))[:MOST_RELATIONS]
    figure, axes = new_figure()
    places = np.arange(len(shown))
    axes.barh(places, [weight for _, weight in shown], color=STYLES[0][0])
    axes.set_yticks(places, [relation for relation, _ in shown], fontsize="x-small")
    axes.invert_yaxis()
    left = len(weights) - len(shown)
    axes.set_xlabel(name + (f" ({left} smaller ones left out)" if left else ""))
    return figure


def item_map(points: FloatArray, explained: float, groups: Mapping[str, BoolArray]) -> "Figure":
    """Items in the plane, coloured by group.

    Args:
        points: ``[I, 2]``.
        explained: share of the variance that the plane holds.
        groups: name → ``[I]``.
    """
    figure, axes = new_figure()
    for (group, mask), (color, _, _) in zip(groups.items(), STYLES, strict=False):
        label = f"{group} ({int(mask.sum()):,})"
        axes.scatter(points[mask, 0], points[mask, 1], s=6, alpha=0.5, color=color, linewidths=0, label=label)
    axes.set_xlabel(f"first principal component (both: {explained:.0%} of the variance)")
    axes.set_ylabel("second principal component")
    axes.legend(frameon=False, fontsize="small", markerscale=2)
    return figure
