"""``kgrec sweep show``: the trials of a sweep."""

from collections.abc import Sequence
from pathlib import Path

from kgrec.cli import CommandParser


def main(arguments: Sequence[str]) -> int:
    """Print all trials, what was spent, the best one as a line to run."""
    parser = CommandParser(
        "sweep show",
        "The trials of a sweep, also of one that runs: state, value on validation (that of the last epoch\n"
        "where a trial was given up), epochs, seconds, settings; what is used of the budget; how much each\n"
        "setting mattered, once ten trials are done; the best trial as a line to run.",
        "  kgrec sweep show sweep-lightgcn-lastfm",
    )
    parser.add_argument("group", type=Path, help="group in runs/, or its folder")
    given = parser.parse_args(arguments)

    import shlex

    from kgrec.reporting.compare import folder_of
    from kgrec.reporting.tables import render_text
    from kgrec.sweep.record import summary_lines, trials_table
    from kgrec.sweep.study import existing

    study = existing(folder_of(given.group))
    print(render_text(trials_table(study, in_full=False)))
    print("\n".join(summary_lines(study)))
    best = study.best(study.trials())
    if best is not None:
        print(shlex.join(["kgrec", "train", *study.overrides_of(best)]))
    return 0
