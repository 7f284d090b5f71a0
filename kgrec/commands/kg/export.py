"""``kgrec kg export``: the graph as RDF."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kgrec.cli import OVERRIDES_HELP, CommandParser

if TYPE_CHECKING:
    from kgrec.data.dataset import RecDataset
    from kgrec.shapes import IntArray, Triples


def main(arguments: Sequence[str]) -> int:
    """Write the graph that ``data=… kg=…`` name."""
    parser = CommandParser(
        "kg export",
        "The triples as Turtle (.ttl) or N-Triples (.nt), with the items' titles as labels.",
        "  kgrec kg export films.ttl data=ml-100k kg=rewired",
    )
    parser.add_argument("out", type=Path, help="file to write: .ttl or .nt")
    parser.add_argument("overrides", nargs="*", metavar="setting", help=OVERRIDES_HELP)
    given = parser.parse_args(arguments)

    from kgrec.build import compose
    from kgrec.pipeline import load_dataset, load_facts

    cfg = compose(given.overrides)
    dataset = load_dataset(cfg)
    triples, item_to_entity = load_facts(cfg, dataset)
    _export(given.out, dataset, triples, item_to_entity)
    return 0


def _export(path: Path, dataset: "RecDataset", triples: "Triples", item_to_entity: "IntArray") -> None:
    import polars as pl

    from kgrec.kg.literals import LABEL_RELATIONS
    from kgrec.kg.rdf import write_rdf

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
