"""``kgrec kg stats``: the graph in numbers."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kgrec.cli import OVERRIDES_HELP, CommandParser
from kgrec.errors import InputError

if TYPE_CHECKING:
    from kgrec.kg.taste import Taste

NUM_PARTNERS = 5


def main(arguments: Sequence[str]) -> int:
    """Print size, shape and reach of the graph that ``data=… shape=… kg=…`` name."""
    parser = CommandParser(
        "kg stats",
        "Size, shape and reach of the graph, its hash, what each step of shape=… left, and whether it knows\n"
        "anything about taste, as JSON.\n"
        "taste: items nearest by their users in training, against random items as popular: share of\n"
        "common entities (idf-weighted) and path lengths, with the interval of the difference.",
        "  kgrec kg stats data=lastfm\n  kgrec kg stats data=ml-100k shape=clean kg=rewired",
    )
    parser.add_argument("overrides", nargs="*", metavar="setting", help=OVERRIDES_HELP)
    parser.add_argument("--taste-items", type=int, default=500, help="items asked about taste, 0 = none; 500")
    given = parser.parse_intermixed_args(arguments)
    if given.taste_items < 0:
        raise InputError(f"--taste-items is {given.taste_items}, expected 0 or more")

    from kgrec.build import compose
    from kgrec.kg.fingerprint import graph_fingerprint
    from kgrec.kg.stats import graph_stats
    from kgrec.kg.taste import ask_taste
    from kgrec.pipeline import load_dataset, load_facts

    cfg = compose(given.overrides)
    dataset = load_dataset(cfg)
    triples, item_to_entity = load_facts(cfg, dataset)
    entities, relations = dataset.entities.raw_ids, dataset.relations.raw_ids
    stats = {
        "hash": graph_fingerprint(triples, item_to_entity, entities, relations),
        **({"shape": steps} if (steps := _shaping(dataset.preparation_log)) else {}),
        **graph_stats(triples, item_to_entity, relations),
    }
    if given.taste_items:
        taste = ask_taste(
            dataset.train,
            dataset.num_users,
            triples,
            item_to_entity,
            num_items=given.taste_items,
            num_partners=NUM_PARTNERS,
            seed=cfg.seed,
        )
        stats["taste"] = _taste(taste)
    print(json.dumps(stats, indent=2))
    return 0


def _shaping(log: Sequence[str]) -> list[str]:
    """What each step of ``shape=…`` left, in words."""
    return [line for line in log if line.startswith("shape ")]


def _taste(taste: "Taste") -> dict[str, Any]:
    """The answer as plain values."""
    contrasts = {"shared_entities": taste.shared, "hops": taste.hops}
    return {
        "answer": taste.answer,
        "items": taste.items,
        "pairs": taste.pairs,
        **{name: contrast and dict(vars(contrast)) for name, contrast in contrasts.items()},
    }
