"""``kgrec kg``: the knowledge graph in numbers, around one item, and as RDF."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kgrec.cli import OVERRIDES_HELP, CommandParser
from kgrec.errors import InputError

if TYPE_CHECKING:
    from kgrec.data.dataset import RecDataset
    from kgrec.shapes import IntArray, Triples

MAX_FACTS = 40
EXAMPLE = """\
  kgrec kg stats data=lastfm
  kgrec kg show "Toy Story" data=ml-100k
  kgrec kg export films.ttl data=ml-100k kg=rewired"""


def main(arguments: Sequence[str]) -> int:
    """Run one action on the graph that ``data=… kg=…`` name."""
    parser = CommandParser(
        "kg",
        "stats: size, shape and reach of the graph, as JSON.\n"
        "show ITEM: the facts of an item (id or title) or entity (name).\n"
        "export OUT: the triples as Turtle (.ttl) or N-Triples (.nt), with the items' titles as labels.",
        EXAMPLE,
    )
    parser.add_argument("action", choices=("stats", "show", "export"), help="see above")
    parser.add_argument("rest", nargs="*", metavar="argument", help=f"ITEM or OUT, then {OVERRIDES_HELP}")
    given = parser.parse_args(arguments)
    num_names = 0 if given.action == "stats" else 1
    names, overrides = given.rest[:num_names], given.rest[num_names:]
    if len(names) < num_names:
        parser.error(f"{given.action} needs {'an item' if given.action == 'show' else 'a file'}")

    from kgrec.build import compose
    from kgrec.pipeline import load_dataset, load_facts

    cfg = compose(overrides)
    dataset = load_dataset(cfg)
    triples, item_to_entity = load_facts(cfg, dataset)
    if given.action == "stats":
        from kgrec.kg.stats import graph_stats

        print(json.dumps(graph_stats(triples, item_to_entity, dataset.relations.raw_ids), indent=2))
    elif given.action == "show":
        print(_describe(names[0], dataset, triples, item_to_entity))
    else:
        _export(Path(names[0]), dataset, triples, item_to_entity)
    return 0


def _describe(name: str, dataset: "RecDataset", triples: "Triples", item_to_entity: "IntArray") -> str:
    from kgrec.kg.stats import describe_entity

    entity = _find(name, dataset, item_to_entity)
    return describe_entity(
        entity,
        triples,
        item_to_entity,
        dataset.entities.raw_ids,
        dataset.relations.raw_ids,
        dataset.item_titles,
        MAX_FACTS,
    )


def _find(name: str, dataset: "RecDataset", item_to_entity: "IntArray") -> int:
    """Entity of an item id, an item title or an entity name, looked for in that order."""
    from kgrec.recommend import nearest

    item = dataset.items.get(name)
    if item < 0 and name in dataset.item_titles:
        item = dataset.item_titles.index(name)
    if item >= 0:
        if item_to_entity[item] < 0:
            raise InputError(f"item {name!r} is linked to no entity, so the graph tells nothing about it")
        return int(item_to_entity[item])
    if name in dataset.entities:
        return dataset.entities[name]
    known = [*dataset.item_titles, *dataset.entities.raw_ids]
    raise InputError(
        f"{name!r} is no item id, item title or entity of {dataset.name}; {nearest(name, known)}"
    )


def _export(path: Path, dataset: "RecDataset", triples: "Triples", item_to_entity: "IntArray") -> None:
    import polars as pl

    from kgrec.kg.rdf import LABEL_RELATIONS, write_rdf

    entities, relations = dataset.entities.raw_ids, dataset.relations.raw_ids
    rows: list[tuple[Any, ...]] = [
        (entities[head], relations[relation], entities[tail], False)
        for head, relation, tail in triples.tolist()
    ]
    rows += [
        (entities[entity], LABEL_RELATIONS[0], dataset.item_titles[item], True)
        for item, entity in enumerate(item_to_entity.tolist())
        if entity >= 0
    ]
    names = ["head", "relation", "tail", "tail_is_literal"]
    write_rdf(pl.DataFrame(rows, schema=names, orient="row"), path)
    print(f"{path}: {len(triples):,} triples, {len(rows) - len(triples):,} labels")
