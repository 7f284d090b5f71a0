"""``kgrec compare``: runs side by side, mean ± standard deviation over seeds."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kgrec.cli import CommandParser

if TYPE_CHECKING:
    from kgrec.reporting.compare import Runs

COSTS = ("cost/new_item_params", "cost/train_s")
FORMATS = ("text", "markdown", "csv", "latex")


def main(arguments: Sequence[str]) -> int:
    """Show the table."""
    parser = CommandParser(
        "compare",
        "Compare finished runs by the settings in which they differ; several seeds of one setting become a\n"
        "mean and a standard deviation.",
        "  kgrec compare runs/encoders --format markdown\n"
        "  kgrec compare runs/encoders runs/default --metrics test/cold/recall@20 cost/lm_params",
    )
    parser.add_argument("runs", type=Path, nargs="+", metavar="run", help="run folder, or folder of some")
    parser.add_argument(
        "--metrics", nargs="+", metavar="KEY", help="keys of summary.json; the first one sorts"
    )
    parser.add_argument("--format", choices=FORMATS, default="text", help="default: text")
    given = parser.parse_args(arguments)

    from kgrec.reporting.compare import collect, compare
    from kgrec.reporting.tables import render

    runs = collect(given.runs)
    print(render(compare(runs, given.metrics or _leading_metrics(runs)), given.format), end="")
    return 0


def _leading_metrics(runs: "Runs") -> list[str]:
    """What the runs were selected on, as measured on test where that was done, and the main costs."""
    selected = runs.table["protocol/selected_on"].drop_nulls().unique(maintain_order=True).to_list()
    on_test = [key.replace("valid/", "test/", 1) for key in selected]
    metrics = [test if test in runs.values else valid for valid, test in zip(selected, on_test, strict=True)]
    return [*metrics, *COSTS]
