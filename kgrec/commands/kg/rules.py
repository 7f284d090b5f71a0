"""``kgrec kg rules``: the rules that hold in the graph."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kgrec.cli import OVERRIDES_HELP, CommandParser

if TYPE_CHECKING:
    from kgrec.kg.rules.mine import Thresholds
    from kgrec.kg.rules.rule import Rule
    from kgrec.reporting.tables import Table, Value


def main(arguments: Sequence[str]) -> int:
    """Mine the graph that ``data=… kg=…`` name."""
    parser = CommandParser(
        "kg rules",
        "Rules head(x, y) <- body with a body of one or two relations, mined as AMIE defines them. With\n"
        "--interactions, training interactions are a relation too, and rules such as\n"
        "interacts(x, y) <- interacts(x, z) & directed_by(z, w) & directed_by(y, w) are looked for.",
        "  kgrec kg rules data=ml-100k --min-support 20 --out rules.csv\n"
        "  kgrec kg rules data=ml-100k --interactions",
    )
    parser.add_argument("--min-support", type=int, default=20, help="pairs it holds for; default: 20")
    parser.add_argument("--min-head-coverage", type=float, default=0.01, help="0 to 1; default: 0.01")
    parser.add_argument("--min-pca-confidence", type=float, default=0.1, help="0 to 1; default: 0.1")
    parser.add_argument("--interactions", action="store_true", help="rules for training interactions alone")
    parser.add_argument("--k", type=int, default=20, help="rules shown, the best first; default: 20")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write all rules as CSV")
    parser.add_argument("overrides", nargs="*", metavar="setting", help=OVERRIDES_HELP)
    given = parser.parse_intermixed_args(arguments)

    from kgrec.kg.rules.mine import Thresholds
    from kgrec.reporting.run_folder import RunFolder
    from kgrec.reporting.tables import render_csv, render_text

    thresholds = Thresholds(given.min_support, given.min_head_coverage, given.min_pca_confidence)
    rules, names = _mine(given.overrides, thresholds, given.interactions)
    print(render_text(_table(rules[: given.k], names)), end="")
    print(f"{min(given.k, len(rules))} of {len(rules):,} rules")
    if given.out is not None:
        RunFolder(given.out.parent).write(given.out.name, render_csv(_table(rules, names)).encode())
        print(f"{given.out}: all of them")
    return 0


def _mine(
    overrides: Sequence[str], thresholds: "Thresholds", interactions: bool
) -> "tuple[list[Rule], Sequence[str]]":
    """Rules and the names of their relations."""
    from kgrec.build import compose
    from kgrec.kg.rules.mine import mine_rules
    from kgrec.kg.rules.steps import Steps
    from kgrec.pipeline import load_dataset, load_facts, load_graph

    cfg = compose(overrides)
    dataset = load_dataset(cfg)
    if not interactions:
        triples, _ = load_facts(cfg, dataset)
        steps = Steps(triples, dataset.num_entities, dataset.num_relations)
        return mine_rules(steps, thresholds), dataset.relations.raw_ids
    graph = load_graph(cfg, dataset)
    steps = Steps.of_graph(graph)
    likes = steps.num_relations - 1
    return mine_rules(steps, thresholds, heads=[likes], likes=likes), graph.relation_names


def _table(rules: "Sequence[Rule]", names: "Sequence[str]") -> "Table":
    from kgrec.reporting.tables import Table

    columns = ["rule", "support", "head coverage", "confidence", "PCA confidence"]
    rows: list[list[Value]] = [
        [rule.text(names), rule.support, rule.head_coverage, rule.confidence, rule.pca_confidence]
        for rule in rules
    ]
    return Table(columns, rows, digits=3)
