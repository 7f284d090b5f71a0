"""What a run has to show beside its figures; every logger shows as much of it as it can."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from kgrec.reporting.plots import Figures
from kgrec.reporting.tables import Table, Value
from kgrec.shapes import FloatArray

HIT, MISS = "✓", "·"


@dataclass(frozen=True)
class Listed:
    """One place of a ranked list.

    Attributes:
        item: raw id.
        title: for people.
        hit: whether the item is relevant to the user.
    """

    item: str
    title: str
    hit: bool


@dataclass(frozen=True)
class Example:
    """What one user is recommended.

    Attributes:
        user: raw id.
        history: titles of some of what the user has chosen in training.
        num_history: how many items that was.
        num_relevant: relevant items among the candidates, listed or not.
        top: the list, best first.
    """

    user: str
    history: tuple[str, ...]
    num_history: int
    num_relevant: int
    top: tuple[Listed, ...]


@dataclass(frozen=True)
class Exhibits:
    """Everything that is shown of a run.

    Attributes:
        ranked: what the examples are ranked among, e.g. ``test/cold``.
        examples: ranked lists of a few users.
        figures: by name.
        values: name → numbers whose distribution is of interest, NaN-free, e.g. one gate per item.
    """

    ranked: str
    examples: Sequence[Example]
    figures: Figures
    values: Mapping[str, FloatArray]

    def as_json(self) -> dict[str, Any]:
        """``ranked`` and ``examples`` as JSON types: what the run folder keeps as ``examples.json``."""
        return {"ranked": self.ranked, "examples": [asdict(example) for example in self.examples]}

    def example_table(self) -> Table:
        """A row for each example; in the list, a mark before each title tells hits from misses."""
        rows: list[list[Value]] = [
            [
                example.user,
                " · ".join(example.history) + _more(example.num_history - len(example.history)),
                " ".join(f"{HIT if at.hit else MISS} {at.title}" for at in example.top),
                sum(at.hit for at in example.top),
                example.num_relevant,
            ]
            for example in self.examples
        ]
        return Table(["user", "history", "top items", "hits", "relevant"], rows)


def _more(count: int) -> str:
    return f" and {count} more" if count else ""
