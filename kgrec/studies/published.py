"""Figures that somebody else published, and how a measured one stands to them."""

import datetime
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Source:
    """Where published figures were read, and what was measured there.

    Attributes:
        name: table, file or page, with its commit where it has one.
        address: where it can be read.
        protocol: data, split, candidates, metrics, selection, seeds, as far as they are told.
    """

    name: str
    address: str
    protocol: str


@dataclass(frozen=True)
class Published:
    """What was published of a model on a dataset.

    Attributes:
        paper: citation of the model's paper.
        address: of the paper.
        source: where the figures stand; often not the model's own paper.
        figures: metric of a run → the figure as printed there.
        tolerance: relative distance within which a measured figure counts as the same.
        deviations: sentences: in what the reproduction differs from what was published.
        verified: day (``2026-11-24``) on which the reproduction was compared with the figures; ``None`` =
            not yet verified.

    Raises:
        ValueError: no figures, a figure or a tolerance that is not positive, or a day that is none.
    """

    paper: str
    address: str
    source: Source
    figures: Mapping[str, float]
    tolerance: float = 0.05
    deviations: tuple[str, ...] = ()
    verified: str | None = None

    def __post_init__(self) -> None:
        if not self.figures or not all(figure > 0 for figure in self.figures.values()):
            raise ValueError(f"{self.paper}: expected figures above 0, got {dict(self.figures)}")
        if not self.tolerance > 0:
            raise ValueError(f"{self.paper}: expected a tolerance above 0, got {self.tolerance}")
        if self.verified is not None:
            datetime.date.fromisoformat(self.verified)

    def beside(self, measured: Mapping[str, float]) -> dict[str, dict[str, Any]]:
        """Each figure of which there is a measured one, with the difference to it.

        Args:
            measured: metric → mean.

        Returns:
            Metric → ``published``, ``measured``, ``difference`` (relative to the published figure) and
            ``within``: "yes", or on which side of the tolerance the measured figure lies.
        """
        return {
            metric: {
                "published": figure,
                "measured": measured[metric],
                "difference": measured[metric] / figure - 1,
                "within": self._within(measured[metric] / figure - 1),
            }
            for metric, figure in self.figures.items()
            if metric in measured
        }

    def record(self) -> dict[str, Any]:
        """Everything as plain values, for a report."""
        return {**asdict(self), "figures": dict(self.figures), "deviations": list(self.deviations)}

    def _within(self, difference: float) -> str:
        if abs(difference) <= self.tolerance + 1e-12:
            return "yes"
        return "above" if difference > 0 else "below"
