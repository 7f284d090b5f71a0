"""``kgrec recommend``: top items for a user, or the place of an item that is in no dataset."""

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kgrec.cli import CommandParser

if TYPE_CHECKING:
    from kgrec.recommend import Recommended, TrainedRun

PATHS, RULES, MAX_LENGTH = 3, 3, 5
"""What ``--why`` tells of each item: paths of at most so many edges, and rules."""

EXAMPLE = """\
  kgrec recommend runs/default/<run id> --user 196 --k 10
  kgrec recommend runs/default/<run id> --user 196 --k 3 --why    (with paths and rules that speak for each)
  kgrec recommend runs/default/<run id> --user 196 \\
      --item-text "Toy Story 5 (2026)" --triples genre=genre:Animation genre=genre:Comedy
  kgrec recommend runs/default/<run id> --item-text "Toy Story 5 (2026)"      (the best users for it)"""


def main(arguments: Sequence[str]) -> int:
    """Show a list, or the place of a new item."""
    parser = CommandParser(
        "recommend",
        "Recommend with a trained run: the best items for a user, those of train and valid left out; or,\n"
        "for an item that is in no dataset, its place among a user's candidates, or the best users for it.",
        EXAMPLE,
    )
    parser.add_argument("run", type=Path, help="run folder")
    parser.add_argument("--user", help="user id as in the data")
    parser.add_argument("--k", type=int, default=10, help="length of the list; default: 10")
    parser.add_argument("--item-text", metavar="TEXT", help="text of a new item")
    parser.add_argument(
        "--triples",
        nargs="+",
        default=[],
        metavar="RELATION=ENTITY",
        help="facts of the new item; RELATION^-1=ENTITY where the item is the tail",
    )
    parser.add_argument(
        "--why",
        action="store_true",
        help=f"tell the {PATHS} strongest paths and {RULES} surest rules behind each item, as kgrec explain",
    )
    given = parser.parse_args(arguments)
    is_new = given.item_text is not None or bool(given.triples)
    if not is_new and given.user is None:
        parser.error("give --user, or a new item by --item-text or --triples")
    if is_new and given.why:
        parser.error("--why tells of items of the dataset, not of a new one")

    from kgrec.recommend import TrainedRun

    run = TrainedRun.load(given.run)
    if is_new:
        _show_new_item(run, given)
    else:
        _show_list(run, given)
    return 0


def _show_list(run: "TrainedRun", given: Namespace) -> None:
    from kgrec.commands.explain import show_reasons
    from kgrec.explain import Explainer

    found = run.top_items(given.user, given.k)
    explainer = Explainer(run) if given.why else None  # before a line is printed: it may refuse the model
    _show("item", found)
    if explainer is None:
        return
    for line in found:
        explanation = explainer.explain(given.user, line.id, PATHS, MAX_LENGTH)
        print()
        show_reasons(explainer, explanation, explainer.rules(given.user, line.id, RULES), MAX_LENGTH)


def _show_new_item(run: "TrainedRun", given: Namespace) -> None:
    item = run.embed_item(given.item_text or "", given.triples)
    if given.user is None:
        _show("user", run.best_users(item, given.k))
        return
    place = run.place(item, given.user)
    print(f"place {place.rank:,} of {place.num_candidates:,} for user {given.user}, score {place.score:.4f}")


def _show(kind: str, found: "Sequence[Recommended]") -> None:
    from kgrec.reporting.tables import Table, render_text

    print(
        render_text(Table([kind, "title", "score"], [[line.id, line.title, line.score] for line in found])),
        end="",
    )
