"""``--check``: do the figures of a report stand where they stood, or where they were published?"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from kgrec.reporting.tables import Table
from kgrec.studies.results import KeptRow, row_like

Report = dict[str, Any]

TOLERANCE = 0.05
"""Relative distance that counts as none, for arms whose reproduction names no other."""

FLOOR = 0.001
"""Absolute distance that always counts as none: of a figure near 0 a relative one says nothing."""


@dataclass(frozen=True)
class CheckedFigure:
    """One figure beside what it is held against.

    Attributes:
        arm, metric: whose it is.
        measured: mean over the seeds that both have, or over all beside a published figure.
        expected: the figure that was kept or published.
        against: ``kept <date>`` or ``published``.
        tolerance: relative.
    """

    arm: str
    metric: str
    measured: float
    expected: float
    against: str
    tolerance: float

    @property
    def stands(self) -> bool:
        """Whether it lies within its tolerance."""
        return abs(self.measured - self.expected) <= max(self.tolerance * abs(self.expected), FLOOR) + 1e-12


def check_figures(report: Report, rows: Sequence[KeptRow]) -> list[CheckedFigure]:
    """Each figure of which there is a kept one of the same settings and seeds, else a published one.

    Args:
        report: just made.
        rows: see :func:`kgrec.studies.results.kept_rows`.
    """
    return [
        figure
        for row in report["rows"]
        for figure in _of_row(row.get("study") or report.get("study", ""), row, rows)
    ]


def figures_that_left(figures: Sequence[CheckedFigure]) -> Table:
    """Those outside their tolerance."""
    return Table(
        ["arm", "metric", "measured", "expected", "against", "tolerance %"],
        [
            [
                figure.arm,
                figure.metric,
                figure.measured,
                figure.expected,
                figure.against,
                f"{100 * figure.tolerance:g}",
            ]
            for figure in figures
            if not figure.stands
        ],
    )


def _of_row(study: str, row: Report, rows: Sequence[KeptRow]) -> Iterator[CheckedFigure]:
    published = row.get("published") or {"figures": {}, "tolerance": TOLERANCE}
    kept = row_like(study, row, rows)
    for metric, value in row["metrics"].items():
        other = kept.row["metrics"].get(metric) if kept is not None else None
        seeds = [seed for seed in row["seeds"] if kept is not None and seed in kept.row["seeds"]]
        if kept is not None and other is not None and seeds:
            measured = fmean(value["per_seed"][row["seeds"].index(seed)] for seed in seeds)
            expected = fmean(other["per_seed"][kept.row["seeds"].index(seed)] for seed in seeds)
            against = f"kept {kept.date[:10]}"
            yield CheckedFigure(row["arm"], metric, measured, expected, against, published["tolerance"])
        elif metric in published["figures"]:
            expected = published["figures"][metric]
            yield CheckedFigure(
                row["arm"], metric, value["mean"], expected, "published", published["tolerance"]
            )
