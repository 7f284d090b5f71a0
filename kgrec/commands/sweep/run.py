"""``kgrec sweep SETTINGS``: search a model's settings on validation."""

import argparse
import shlex
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from kgrec.cli import OVERRIDES_HELP, CommandParser

if TYPE_CHECKING:
    from kgrec.sweep.plan import Plan

DESCRIPTION = """\
Search the settings that conf/sweep/<space>.yaml lists, on validation alone: the defaults first, then what
a tree-structured Parzen estimator proposes. The trials are kept in an Optuna study beside their run
folders, in <paths.runs>/<group>/. The same command goes on where it was stopped, further with a larger
budget; started a second time meanwhile, it joins in. Weights & Biases is off unless a logger=… is given.

A trial is given up where its best value on validation lies below the median of what finished trials had
in that epoch. Budgets stay equal with it, as minutes are counted as they are used: a model that gives
bad trials up early gets more trials in the same minutes, up to the same number. Models that learn slowly
at first need a longer --warmup, or --pruner none; models without epochs are never given up, nor are the
defaults. A space may say budget: {trials, minutes} and pruning: {rule, warmup, startup} for its model;
compare models searched with the same budget and pruning.

kgrec sweep show GROUP, kgrec sweep export GROUP: see kgrec sweep show --help"""

EXAMPLE = """\
  kgrec sweep model=lightgcn data=lastfm
  kgrec sweep experiment=lightgcn_softmax_lastfm --trials 5 --minutes 10 --workers 2
  kgrec sweep show sweep-lightgcn_softmax-lastfm"""


def main(arguments: Sequence[str]) -> int:
    """Search and show the best trial as a line to run."""
    given = _parser().parse_intermixed_args(arguments)
    command = shlex.join(["kgrec", "sweep", *arguments])

    from kgrec.sweep.sweep import sweep

    plan = _plan(given)
    study = sweep(plan, given.storage, given.workers, command)
    trials = study.trials()
    best = study.best(trials)
    if best is None:
        print(f"none of {len(trials)} trials is done")
        return 1
    found = " ".join(best.params) or "the defaults"
    print(f"best of {len(trials)}: {plan.metric} = {best.value:.4f}, {found}")
    print(shlex.join(["kgrec", "train", *study.overrides_of(best)]))
    print(study.file)
    return 0


def _parser() -> CommandParser:
    parser = CommandParser("sweep", DESCRIPTION, EXAMPLE)
    parser.add_argument("overrides", nargs="*", metavar="setting", help=OVERRIDES_HELP)
    parser.add_argument(
        "--space", metavar="NAME", help="conf/sweep/NAME.yaml (default: that of the experiment or model)"
    )
    parser.add_argument(
        "--trials", type=int, metavar="N", help="at most so many (default: the space's budget, else 20)"
    )
    parser.add_argument(
        "--minutes",
        type=float,
        metavar="M",
        help="no trial begins after so much time of trials, over all workers (default: the space's, else 30)",
    )
    parser.add_argument(
        "--pruner",
        choices=("none", "median", "quartile"),
        help="give a trial up below the median or the lowest quarter (default: the space's, else median)",
    )
    parser.add_argument("--warmup", type=int, metavar="E", help="never before epoch E (default: 10)")
    parser.add_argument(
        "--startup", type=int, metavar="N", help="never beside fewer finished trials (default: 5)"
    )
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes (default: 1)")
    parser.add_argument(
        "--storage",
        choices=("journal", "sqlite"),
        help="file of the study: a journal, fit for shared folders, or SQLite (default: journal)",
    )
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of the search (default: 0)")
    return parser


def _plan(given: argparse.Namespace) -> "Plan":
    """What the command asks for; where it is silent the space speaks."""
    from kgrec.sweep.plan import make_plan
    from kgrec.sweep.space import load_space

    space = load_space(given.space or space_of(given.overrides))
    budget = {"trials": given.trials, "minutes": given.minutes}
    pruning = {"rule": given.pruner, "warmup": given.warmup, "startup": given.startup}
    return make_plan(
        space,
        given.overrides,
        replace(space.budget, **{key: value for key, value in budget.items() if value is not None}),
        replace(space.pruning, **{key: value for key, value in pruning.items() if value is not None}),
        given.seed,
    )


def space_of(overrides: Sequence[str]) -> str:
    """The search space of ``experiment=<space>_<dataset>``, where there is one, or of the model."""
    from kgrec.build import compose, options

    chosen = [override.partition("=")[2] for override in overrides if override.startswith("experiment=")]
    named = chosen[-1].rpartition("_")[0] if chosen else ""
    return named if named in options("sweep") else str(compose(overrides).choices.model)
