"""``kgrec kg show``: what the graph tells of one item."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kgrec.cli import OVERRIDES_HELP, CommandParser
from kgrec.errors import InputError

if TYPE_CHECKING:
    from kgrec.data.dataset import RecDataset
    from kgrec.shapes import IntArray, Triples

MAX_FACTS = 40
MAX_LEAVES, MAX_OTHERS = 6, 2
"""In a picture: neighbours by the same relation, and other items told of each."""


def main(arguments: Sequence[str]) -> int:
    """Print the facts of an item or entity."""
    parser = CommandParser(
        "kg show",
        "The facts of an item (id or title) or of an entity (name).",
        '  kgrec kg show "Toy Story (1995)" data=ml-100k\n'
        '  kgrec kg show "Toy Story (1995)" data=ml-100k --picture toy_story.png',
    )
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw it as well: .png, .svg or .pdf")
    parser.add_argument("item", help="id or title of an item, or name of an entity")
    parser.add_argument("overrides", nargs="*", metavar="setting", help=OVERRIDES_HELP)
    given = parser.parse_intermixed_args(arguments)

    from kgrec.build import compose
    from kgrec.kg.stats import describe_entity
    from kgrec.pipeline import load_dataset, load_facts

    cfg = compose(given.overrides)
    dataset = load_dataset(cfg)
    triples, item_to_entity = load_facts(cfg, dataset)
    entity = find_entity(given.item, dataset, item_to_entity)
    if given.picture is not None:
        _draw(given.picture, entity, dataset, triples, item_to_entity)
    print(
        describe_entity(
            entity,
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


def _draw(
    path: Path, entity: int, dataset: "RecDataset", triples: "Triples", item_to_entity: "IntArray"
) -> None:
    from kgrec.kg.close_up import branches_of
    from kgrec.reporting.close_up_plot import DrawnBranch, DrawnLeaf, draw_close_up

    names = (dataset.entities.raw_ids, dataset.relations.raw_ids, dataset.item_titles)
    branches = branches_of(entity, triples, item_to_entity, *names, MAX_LEAVES, MAX_OTHERS)
    if not branches:
        raise InputError(f"{path}: found no fact about {dataset.entities.raw_ids[entity]!r} to draw")
    drawn = []
    for branch in branches:
        leaves = [
            DrawnLeaf(leaf.name, ", ".join(leaf.others) + _rest(leaf.left_out), leaf.is_item)
            for leaf in branch.leaves
        ]
        if branch.left_out:
            leaves.append(DrawnLeaf(_rest(branch.left_out).strip(), "", is_item=False, is_rest=True))
        drawn.append(DrawnBranch(branch.relations, tuple(leaves)))
    titles = [
        title
        for title, linked in zip(dataset.item_titles, item_to_entity.tolist(), strict=True)
        if linked == entity
    ]
    name = dataset.entities.raw_ids[entity]
    draw_close_up(", ".join(titles) or name, name if titles else "", drawn, path)


def _rest(left_out: int) -> str:
    return f" … and {left_out:,} more" if left_out else ""
