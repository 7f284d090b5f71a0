"""``kgrec compare``: runs side by side, mean ± standard deviation over seeds."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from kgrec.cli import CommandParser

if TYPE_CHECKING:
    from kgrec.reporting.compare import Runs

COSTS = ("cost/new_item_params", "cost/train_s")
FORMATS = ("text", "markdown", "csv", "latex", "html")


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

    runs = without_implied_settings(collect(given.runs))
    print(render(compare(runs, given.metrics or _leading_metrics(runs)), given.format), end="")
    return 0


def without_implied_settings(runs: "Runs") -> "Runs":
    """Leave out settings that only repeat another column.

    These follow from the options chosen (``choices.lm`` says it for all ``lm.…``), or are the run's seed.
    """
    choices = [key for key in runs.settings if key.startswith("choices.")]
    combinations = len(runs.table.select(choices).unique()) if choices else 1
    free = [
        key
        for key in runs.settings
        if key not in choices
        and len(runs.table.select(*choices, key).unique()) > combinations
        and not _is_seed(runs, key)
    ]
    return replace(runs, settings=(*choices, *free))


def _is_seed(runs: "Runs", key: str) -> bool:
    """Whether a setting is ``${seed}`` in every run that has it."""
    values = runs.table[key]
    if not (key.endswith(".seed") and values.dtype.is_numeric()):
        return False
    return bool((values == runs.table["seed"]).drop_nulls().all())


def _leading_metrics(runs: "Runs") -> list[str]:
    """What the runs were selected on, as measured on test where that was done, and the main costs."""
    selected = runs.table["protocol/selected_on"].drop_nulls().unique(maintain_order=True).to_list()
    on_test = [key.replace("valid/", "test/", 1) for key in selected]
    metrics = [test if test in runs.values else valid for valid, test in zip(selected, on_test, strict=True)]
    return [*metrics, *COSTS]
