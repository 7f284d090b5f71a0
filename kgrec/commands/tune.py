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
        "  kgrec tune experiment=lightgcn_softmax_lastfm --trials 5 --minutes 10",
    )
    parser.add_argument("overrides", nargs="*", metavar="setting", help=OVERRIDES_HELP)
    parser.add_argument(
        "--search", metavar="NAME", help="conf/search/NAME.yaml (default: that of the experiment or model)"
    )
    parser.add_argument("--trials", type=int, default=TRIALS, metavar="N", help=f"default: {TRIALS}")
    parser.add_argument("--minutes", type=float, default=MINUTES, metavar="M", help=f"default: {MINUTES:g}")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of the search (default: 0)")
    given = parser.parse_intermixed_args(arguments)

    from kgrec.studies.search import load_space
    from kgrec.studies.tuning import RESULT, Budget, Tuning

    budget = Budget(given.trials, given.minutes)
    space = load_space(given.search or _space_of(given.overrides))
    command = shlex.join(["kgrec", "tune", *arguments])
    tuning = Tuning(space, given.overrides, budget, given.seed, command)
    best = tuning.run()
    found = " ".join(best.params) or "the defaults"
    print(f"best of {len(tuning.trials)}: {tuning.metric} = {best.value:.4f}, {found}")
    print(shlex.join(["kgrec", "train", *tuning.best_overrides]))
    print(tuning.folder.path / RESULT)
    return 0


def _space_of(overrides: Sequence[str]) -> str:
    """The search space of ``experiment=<space>_<dataset>``, where there is one, or of the model."""
    from kgrec.build import compose, options

    chosen = [override.partition("=")[2] for override in overrides if override.startswith("experiment=")]
    named = chosen[-1].rpartition("_")[0] if chosen else ""
    return named if named in options("search") else str(compose(overrides).choices.model)
