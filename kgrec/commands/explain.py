"""``kgrec explain``: why this item, as paths through the graph."""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from kgrec.cli import CommandParser

if TYPE_CHECKING:
    from kgrec.explain import Explainer, Explanation, Reason

EXAMPLE = """\
  kgrec explain runs/default/<run id> --user 196
  kgrec explain runs/default/<run id> --user 196 --item 269 --rules 3 --json why.json --picture why.png"""


def main(arguments: Sequence[str]) -> int:
    """Print the strongest paths; write them where asked."""
    parser = CommandParser(
        "explain",
        "The strongest paths from what a user has chosen, through the graph, to an item. An edge is strong\n"
        "where the gradient of the run's score in its weight says so (kgrec/explain.py).",
        EXAMPLE,
    )
    parser.add_argument("run", type=Path, help="run folder")
    parser.add_argument("--user", required=True, help="user id as in the data")
    parser.add_argument("--item", help="item id as in the data; default: the best that the user has not seen")
    parser.add_argument("--k", type=int, default=5, help="paths, each by another last edge; default: 5")
    parser.add_argument("--max-length", type=int, default=5, help="edges of a path, at most; default: 5")
    parser.add_argument("--rules", type=int, default=0, help="mined rules that hold, at most; default: 0")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the paths as JSON")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw the paths: .png, .svg or .pdf")
    given = parser.parse_args(arguments)

    from kgrec.explain import Explainer
    from kgrec.recommend import TrainedRun

    explainer = Explainer(TrainedRun.load(given.run))
    found = explainer.explain(given.user, given.item, given.k, given.max_length)
    rules = explainer.rules(given.user, found.item, given.rules) if given.rules else []
    show_reasons(explainer, found, rules, given.max_length)
    if given.json is not None:
        _write_json(given.json, explainer, found, rules)
        print(given.json)
    if given.picture is not None:
        _draw(given.picture, explainer, found)
        print(given.picture)
    return 0


def show_reasons(
    explainer: "Explainer", found: "Explanation", rules: "Sequence[Reason]", max_length: int
) -> None:
    """Print an item, the paths to it and the rules that hold for it, of which there may be none."""
    print(f"user {found.user}, item {found.item} ({found.title}), score {found.score:.4f}")
    if not found.paths:
        print(f"no path of at most {max_length} edges supports it")
    else:
        print(f"strength of paths, by {found.strength_source}:")
    for path in found.paths:
        print(f"  {path.strength:.3f}  {explainer.reason(path)}")
    for rule in rules:
        print(f"rule, confidence {rule.strength:.3f}: {rule.rule}\n         {rule}")


def _write_json(path: Path, explainer: "Explainer", found: "Explanation", rules: "Sequence[Reason]") -> None:
    from kgrec.reporting.run_folder import RunFolder

    content = {
        **{name: value for name, value in asdict(found).items() if name != "paths"},
        "paths": [asdict(explainer.reason(one)) for one in found.paths],
        "rules": [asdict(rule) for rule in rules],
    }
    RunFolder(path.parent).write(
        path.name, (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()
    )


def _draw(path: Path, explainer: "Explainer", found: "Explanation") -> None:
    from kgrec.errors import InputError
    from kgrec.kg.paths import layout
    from kgrec.reporting.path_plot import DrawnEdge, draw_paths

    if not found.paths:
        raise InputError(f"{path}: found no path to draw; a larger --max-length may reach one")
    edges: dict[tuple[int, int], DrawnEdge] = {}
    for one in found.paths:  # the strongest first: an edge is as strong as its best path
        for ends, hop in zip(pairwise(one.nodes), explainer.reason(one).hops, strict=True):
            known = edges.setdefault(ends, DrawnEdge(*ends, (), one.strength))
            if hop.relation not in known.relations:
                edges[ends] = replace(known, relations=(*known.relations, hop.relation))
    positions = layout(found.paths)
    draw_paths(positions, {node: explainer.names[node] for node in positions}, [*edges.values()], path)
