"""``kgrec kg show``: what the graph tells of one item."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kgrec.cli import OVERRIDES_HELP, CommandParser
from kgrec.errors import InputError

if TYPE_CHECKING:
    from kgrec.data.dataset import RecDataset
    from kgrec.shapes import IntArray

MAX_FACTS = 40


def main(arguments: Sequence[str]) -> int:
    """Print the facts of an item or entity."""
    parser = CommandParser(
        "kg show",
        "The facts of an item (id or title) or of an entity (name).",
        '  kgrec kg show "Toy Story" data=ml-100k',
    )
    parser.add_argument("item", help="id or title of an item, or name of an entity")
    parser.add_argument("overrides", nargs="*", metavar="setting", help=OVERRIDES_HELP)
    given = parser.parse_args(arguments)

    from kgrec.build import compose
    from kgrec.kg.stats import describe_entity
    from kgrec.pipeline import load_dataset, load_facts

    cfg = compose(given.overrides)
    dataset = load_dataset(cfg)
    triples, item_to_entity = load_facts(cfg, dataset)
    print(
        describe_entity(
            find_entity(given.item, dataset, item_to_entity),
            triples,
            item_to_entity,
            dataset.entities.raw_ids,
            dataset.relations.raw_ids,
            dataset.item_titles,
            MAX_FACTS,
        )
    )
    return 0


def find_entity(name: str, dataset: "RecDataset", item_to_entity: "IntArray") -> int:
    """Entity of an item id, an item title or an entity name, looked for in that order.

    Raises:
        InputError: there is none, or the item is not linked.
    """
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
