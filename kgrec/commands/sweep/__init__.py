"""``kgrec sweep``: a search on validation; its further actions have a file each."""

from collections.abc import Sequence

from kgrec.cli import run_action

ACTIONS = {
    "show": "the trials of a sweep, its best one, what mattered",
    "export": "its record as JSON or CSV, its best trial as an experiment",
}
EXAMPLE = "  kgrec sweep show sweep-lightgcn-lastfm"


def main(arguments: Sequence[str]) -> int:
    """Run one action; settings alone begin a sweep, or go on with it."""
    if arguments and arguments[0] in ACTIONS:
        return run_action("sweep", ACTIONS, EXAMPLE, arguments)
    from kgrec.commands.sweep import run

    return run.main(arguments)
