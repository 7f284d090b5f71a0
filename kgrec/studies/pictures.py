"""Plots of a report: quality against each cost that was measured, and along what the study changes."""

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
from kgrec.reporting.quality_curves import CurvePoint, quality_curves, quality_curves_svg

Report = dict[str, Any]

COST_AXES = {
    "new_item_params": PARAMETERS,
    "deployed_bytes": CostAxis("bytes held to score a new item"),
    "new_items_per_s": CostAxis("new items per second", more_is_better=True),
}
"""What quality is drawn against, where it was measured."""

GAIN = ("text alone", "+ graph")
"""Series between which arrows are drawn."""


def plot(report: Report, folder: Path) -> None:
    """Quality against the parameters that a new item needs, and along the study's curve, where there are any.

    The files are ``quality_vs_size.png`` and ``curve.png``.
    """
    if points := cost_points(report, "new_item_params"):
        quality_vs_cost(points, folder / "quality_vs_size.png", report["primary"])
    if curves := curves_of(report):
        quality_curves(curves, folder / "curve.png", report["primary"], report["curve"])


def curves_of(report: Report) -> dict[str, list[CurvePoint]]:
    """The arms that have a place, by series; those without one begin every curve."""
    placed: dict[str, list[CurvePoint]] = {}
    for row in report["rows"]:
        if "place" in row:
            value = row["metrics"][report["primary"]]
            point = CurvePoint(row["place"], value["mean"], value["low"], value["high"])
            placed.setdefault(row["series"], []).append(point)
    shared = placed.pop("", [])
    return {series: [*shared, *points] for series, points in placed.items()}


def cost_points(report: Report, cost: str) -> list[CostPoint]:
    """The arms that belong to a curve, against a cost that they state."""
    return [
        CostPoint(
            row["series"], row["label"], row[f"cost/{cost}"], value["mean"], value["low"], value["high"]
        )
        for row in report["rows"]
        if row["series"] and "place" not in row and row.get(f"cost/{cost}", 0) > 0
        for value in [row["metrics"][report["primary"]]]
    ]


def cost_figures(report: Report) -> Iterator[str]:
    """A plot for each cost; arrows lead from a model without a graph to the same with one. And the curve."""
    if curves := curves_of(report):
        yield quality_curves_svg(curves, report["primary"], report["curve"])
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
