"""``kgrec kg stats``: the graph in numbers."""

import json
from collections.abc import Sequence

from kgrec.cli import OVERRIDES_HELP, CommandParser


def main(arguments: Sequence[str]) -> int:
    """Print size, shape and reach of the graph that ``data=… kg=…`` name."""
    parser = CommandParser(
        "kg stats",
        "Size, shape and reach of the graph, as JSON.",
        "  kgrec kg stats data=lastfm\n  kgrec kg stats data=ml-100k kg=rewired",
    )
    parser.add_argument("overrides", nargs="*", metavar="setting", help=OVERRIDES_HELP)
    given = parser.parse_args(arguments)

    from kgrec.build import compose
    from kgrec.kg.stats import graph_stats
    from kgrec.pipeline import load_dataset, load_facts

    cfg = compose(given.overrides)
    dataset = load_dataset(cfg)
    triples, item_to_entity = load_facts(cfg, dataset)
    print(json.dumps(graph_stats(triples, item_to_entity, dataset.relations.raw_ids), indent=2))
    return 0
