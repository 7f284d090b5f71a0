"""``kgrec tune``: search a model's settings on validation."""

import shlex
from collections.abc import Sequence

from kgrec.cli import OVERRIDES_HELP, CommandParser

TRIALS, MINUTES = 20, 30.0


def main(arguments: Sequence[str]) -> int:
    """Search and show the best trial as a line to run."""
    parser = CommandParser(
        "tune",
        "Search the settings that conf/search/<model>.yaml lists, on validation alone: the defaults first,\n"
        "then what a tree-structured Parzen estimator proposes. Leaves <paths.runs>/<group>/tuning.json and\n"
        "the trials' run folders. The same command goes on where it was stopped, and further with a larger\n"
        "budget. Weights & Biases is off unless a logger=… is given.",
        "  kgrec tune model=lightgcn data=lastfm\n"
        "  kgrec tune --search lightgcn_softmax data=lastfm --trials 5 --minutes 10",
    )
    parser.add_argument("overrides", nargs="*", metavar="setting", help=OVERRIDES_HELP)
    parser.add_argument("--search", metavar="NAME", help="conf/search/NAME.yaml (default: the model's name)")
    parser.add_argument("--trials", type=int, default=TRIALS, metavar="N", help=f"default: {TRIALS}")
    parser.add_argument("--minutes", type=float, default=MINUTES, metavar="M", help=f"default: {MINUTES:g}")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of the search (default: 0)")
    given = parser.parse_intermixed_args(arguments)

    from kgrec.build import compose
    from kgrec.studies.search import load_space
    from kgrec.studies.tuning import RESULT, Budget, Tuning

    budget = Budget(given.trials, given.minutes)
    space = load_space(given.search or compose(given.overrides).choices.model)
    command = shlex.join(["kgrec", "tune", *arguments])
    tuning = Tuning(space, given.overrides, budget, given.seed, command)
    best = tuning.run()
    found = " ".join(best.params) or "the defaults"
    print(f"best of {len(tuning.trials)}: {tuning.metric} = {best.value:.4f}, {found}")
    print(shlex.join(["kgrec", "train", *tuning.best_overrides]))
    print(tuning.folder.path / RESULT)
    return 0
