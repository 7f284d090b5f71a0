"""``kgrec kg rules``: the rules that hold in the graph."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kgrec.cli import OVERRIDES_HELP, CommandParser

if TYPE_CHECKING:
    from kgrec.kg.rules.constant_rule import ConstantRule
    from kgrec.kg.rules.mine import Thresholds
    from kgrec.kg.rules.rule import Rule
    from kgrec.reporting.tables import Table, Value


def main(arguments: Sequence[str]) -> int:
    """Mine the graph that ``data=… kg=…`` name."""
    parser = CommandParser(
        "kg rules",
        "Rules head(x, y) <- body with a body of one or two relations, mined as AMIE defines them. With\n"
        "--interactions, training interactions are a relation too, and rules such as\n"
        "interacts(x, y) <- interacts(x, z) & directed_by(z, w) & directed_by(y, w) are looked for. With\n"
        "--constants, also rules about frequent constants, such as\n"
        "genre(x, Comedy) <- sequel(x, z) & genre(z, Comedy), where these make them surer. A file of rules\n"
        "without them can be given to a model: model.triples.rules=rules.csv model.triples.rule_weight=0.5.",
        "  kgrec kg rules data=ml-100k --min-support 20 --out rules.csv\n"
        "  kgrec kg rules data=ml-100k --interactions\n"
        "  kgrec kg rules data=ml-100k --constants --min-pca-confidence 0.8",
    )
    parser.add_argument("--min-support", type=int, default=20, help="pairs it holds for; default: 20")
    parser.add_argument("--min-head-coverage", type=float, default=0.01, help="0 to 1; default: 0.01")
    parser.add_argument("--min-pca-confidence", type=float, default=0.1, help="0 to 1; default: 0.1")
    parser.add_argument("--interactions", action="store_true", help="rules for training interactions alone")
    parser.add_argument("--constants", action="store_true", help="rules about frequent constants as well")
    parser.add_argument("--k", type=int, default=20, help="rules shown, the best first; default: 20")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write all rules as CSV")
    parser.add_argument("overrides", nargs="*", metavar="setting", help=OVERRIDES_HELP)
    given = parser.parse_intermixed_args(arguments)

    from kgrec.kg.rules.mine import Thresholds
    from kgrec.reporting.run_folder import RunFolder
    from kgrec.reporting.tables import render_csv, render_text

    thresholds = Thresholds(given.min_support, given.min_head_coverage, given.min_pca_confidence)
    rules = _mine(given.overrides, thresholds, given.interactions, given.constants)
    print(render_text(_table(rules[: given.k])), end="")
    print(f"{min(given.k, len(rules))} of {len(rules):,} rules")
    if given.out is not None:
        RunFolder(given.out.parent).write(given.out.name, render_csv(_table(rules)).encode())
        print(f"{given.out}: all of them")
    return 0


def _mine(
    overrides: Sequence[str], thresholds: "Thresholds", interactions: bool, constants: bool
) -> "list[tuple[str, Rule | ConstantRule]]":
    """Rules, the surest first, each with its text."""
    from kgrec.build import compose
    from kgrec.kg.graph import node_names
    from kgrec.kg.rules.mine import mine_rules
    from kgrec.kg.rules.mine_constants import mine_constant_rules
    from kgrec.kg.rules.steps import Steps
    from kgrec.pipeline import load_dataset, load_facts, load_graph

    cfg = compose(overrides)
    dataset = load_dataset(cfg)
    triples, item_to_entity = load_facts(cfg, dataset)
    entities, titles = dataset.entities.raw_ids, dataset.item_titles
    if interactions:
        graph = load_graph(cfg, dataset)
        steps, relations = Steps.of_graph(graph), list(graph.relation_names)
        names = node_names(dataset.users.raw_ids, titles, entities, item_to_entity)
        likes = steps.num_relations - 1
        heads: list[int] | None = [likes]
    else:
        steps = Steps(triples, dataset.num_entities, dataset.num_relations)
        relations, likes, heads = dataset.relations.raw_ids, None, None
        linked = {entity: titles[item] for item, entity in enumerate(item_to_entity.tolist())}
        names = [linked.get(entity, name) for entity, name in enumerate(entities)]
    found: list[tuple[str, Rule | ConstantRule]] = [
        (rule.text(relations), rule) for rule in mine_rules(steps, thresholds, heads, likes)
    ]
    if constants:
        about = mine_constant_rules(steps, thresholds, heads, likes)
        found += [(rule.text(relations, names), rule) for rule in about]
    return sorted(found, key=lambda line: (-line[1].pca_confidence, -line[1].support))


def _table(rules: "Sequence[tuple[str, Rule | ConstantRule]]") -> "Table":
    from kgrec.reporting.tables import Table

    columns = ["rule", "support", "head coverage", "confidence", "PCA confidence"]
    rows: list[list[Value]] = [
        [text, rule.support, rule.head_coverage, rule.confidence, rule.pca_confidence] for text, rule in rules
    ]
    return Table(columns, rows, digits=3)
