"""Plots of a report: quality against each cost that was measured."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kgrec.reporting.cost_plot import (
    PARAMETERS,
    CostAxis,
    CostPoint,
    quality_vs_cost,
    quality_vs_cost_svg,
)

Report = dict[str, Any]

COST_AXES = {
    "new_item_params": PARAMETERS,
    "deployed_bytes": CostAxis("bytes held to score a new item"),
    "new_items_per_s": CostAxis("new items per second", more_is_better=True),
}
"""What quality is drawn against, where it was measured."""

GAIN = ("text alone", "+ graph")
"""Series between which arrows are drawn."""


def plot(report: Report, path: Path) -> bool:
    """Quality against the parameters that a new item needs; whether there was anything to draw."""
    points = cost_points(report, "new_item_params")
    if points:
        quality_vs_cost(points, path, report["primary"])
    return bool(points)


def cost_points(report: Report, cost: str) -> list[CostPoint]:
    """The arms that belong to a curve, against a cost that they state."""
    return [
        CostPoint(
            row["series"], row["label"], row[f"cost/{cost}"], value["mean"], value["low"], value["high"]
        )
        for row in report["rows"]
        if row["series"] and row.get(f"cost/{cost}", 0) > 0
        for value in [row["metrics"][report["primary"]]]
    ]


def cost_figures(report: Report) -> Iterator[str]:
    """A plot for each cost; arrows lead from a model without a graph to the same with one."""
    for cost, axis in COST_AXES.items():
        points = cost_points(report, cost)
        arrows = [
            (start, end)
            for start in points
            for end in points
            if (start.series, end.series) == GAIN and start.label == end.label
        ]
        if points:
            yield quality_vs_cost_svg(points, report["primary"], axis, arrows)
