"""``kgrec kg link``: which entity of the graph each item is."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kgrec.cli import OVERRIDES_HELP, CommandParser
from kgrec.errors import InputError

if TYPE_CHECKING:
    import polars as pl

    from kgrec.data.linkable import Linkable
    from kgrec.kg.linking.base import LinkMethod, LinkTask

METHODS = ("given", "same_as", "shared_id", "title_year", "fuzzy")
"""In order of trust; ``embedding`` is the last of all, and needs a language model."""


def main(arguments: Sequence[str]) -> int:
    """Link the items of ``data=…`` and write the links."""
    given = _parser().parse_intermixed_args(arguments)

    from kgrec.build import build, compose
    from kgrec.data.linkable import linkable
    from kgrec.kg.linking.linker import link_items
    from kgrec.kg.linking.report import report, write_links
    from kgrec.pipeline import locate_raw, text_vectors

    if given.margin < 0 or not 0 <= given.min_agreement <= 1 or given.sample < 0:
        raise InputError("--margin and --sample are 0 or more, --min-agreement is a share in [0, 1]")
    methods = _methods(given.methods.split(","), given.set)
    cfg = compose(given.overrides)
    found = linkable(build(cfg.data.source), locate_raw(cfg))
    if found.items.is_empty():
        raise InputError("linking needs a table of items: give data.source.items")
    hidden = _hidden(found) if given.hide else None
    task = _task(found, given, text_vectors(cfg))
    linking = link_items(task, methods, margin=given.margin, min_agreement=given.min_agreement)
    write_links(linking.links, given.out)
    print(report(linking, task, sample=given.sample, seed=cfg.seed, hidden=hidden))
    print(f"\n{given.out}: {len(linking.links):,} links")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = CommandParser(
        "kg link",
        "Writes links.csv (item, entity, method, score), which data.source.links reads, and prints\n"
        "coverage, ambiguous and conflicting cases and a sample to check by eye. The items are those of\n"
        "data.source.items; the graph tells names by rdfs:label and the like, years by release dates.",
        "  kgrec kg link links.csv data=custom data.source.interactions=ratings.csv \\\n"
        "    data.source.items=films.csv data.source.kg=films.ttl --id imdb --attribute genres\n"
        "  kgrec kg link again.csv data=planted --hide",
    )
    parser.add_argument("out", type=Path, help="csv to write")
    parser.add_argument("overrides", nargs="*", metavar="setting", help=OVERRIDES_HELP)
    parser.add_argument(
        "--methods",
        default=",".join(METHODS),
        help="conf/linking/*.yaml in order of trust, separated by commas; default: %(default)s",
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="METHOD.KEY=VALUE", help="e.g. fuzzy.threshold=0.95"
    )
    parser.add_argument("--title", help="column of the titles; default: title")
    parser.add_argument(
        "--year", default="year", help="column of the years; default: year, else behind the title"
    )
    parser.add_argument(
        "--id", action="append", default=[], metavar="COLUMN", help="identifiers that the graph knows too"
    )
    parser.add_argument(
        "--attribute",
        action="append",
        default=[],
        metavar="COLUMN",
        help="what the graph may tell too: genres",
    )
    parser.add_argument(
        "--margin", type=float, default=0.02, help="scores closer than this are the same; 0.02"
    )
    parser.add_argument(
        "--min-agreement",
        type=float,
        default=0.01,
        help="share of the attributes that must agree where title and year are not exact; 0.01 = any",
    )
    parser.add_argument("--hide", action="store_true", help="hide the known links, and measure by them")
    parser.add_argument("--sample", type=int, default=5, help="links of each method to show; 5")
    return parser


def _methods(names: Sequence[str], changes: Sequence[str]) -> "list[LinkMethod]":
    """The methods with their settings.

    Raises:
        InputError: an unknown method or setting.
    """
    from kgrec.build import build, component

    of_method: dict[str, list[str]] = {name: [] for name in names}
    for change in changes:
        name, _, setting = change.partition(".")
        if name not in of_method or "=" not in setting:
            raise InputError(f"--set {change}: expected METHOD.KEY=VALUE of a method in {','.join(names)}")
        of_method[name].append(setting)
    return [build(component("linking", name, settings)) for name, settings in of_method.items()]


def _hidden(found: "Linkable") -> "pl.DataFrame":
    """The known links.

    Raises:
        InputError: there is none to measure by.
    """
    if found.links.is_empty():
        raise InputError("--hide measures by the known links, and there is none; give data.source.links")
    return found.links.select("item", "entity")


def _task(found: "Linkable", given: argparse.Namespace, encode: Any) -> "LinkTask":
    from kgrec.kg.linking.base import LinkTask
    from kgrec.kg.linking.graph_side import GraphSide
    from kgrec.kg.linking.item_side import item_side

    items = item_side(
        found.items,
        title=given.title or found.title,
        year=given.year,
        identifiers=given.id,
        attributes=given.attribute,
        given=None if given.hide else found.links,
    )
    return LinkTask(items, GraphSide.of(found.graph), encode=encode)
