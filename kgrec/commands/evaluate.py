"""``kgrec evaluate``: the metrics of a finished run, computed again."""

from collections.abc import Sequence
from pathlib import Path

from kgrec.cli import CommandParser


def main(arguments: Sequence[str]) -> int:
    """Evaluate the model of a run folder and show all metrics."""
    parser = CommandParser(
        "evaluate",
        "Evaluate the model of a run folder again. A look at the test set is written into the book of test\n"
        "reads.",
        "  kgrec evaluate runs/default/lastfm_lightgcn_s0_1c0ffee5 --split valid",
    )
    parser.add_argument("run", type=Path, help="run folder")
    parser.add_argument("--split", choices=("valid", "test"), default="valid", help="default: valid")
    given = parser.parse_args(arguments)

    from kgrec.evaluate import evaluate_run
    from kgrec.reporting.tables import Table, render_text

    means = evaluate_run(given.run, given.split).means
    print(render_text(Table(["metric", "mean"], [[key, value] for key, value in means.items()])), end="")
    return 0
