"""``kgrec kg export``: the graph, its links or what was learned over it, for other programs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kgrec.cli import OVERRIDES_HELP, CommandParser
from kgrec.errors import InputError
from kgrec.kg.whole_file import whole_file

if TYPE_CHECKING:
    from kgrec.data.dataset import RecDataset
    from kgrec.shapes import IntArray, Triples


def main(arguments: Sequence[str]) -> int:
    """Write the graph that ``data=… kg=…`` name, or the embeddings of a run."""
    parser = CommandParser(
        "kg export",
        "The graph with the items' titles as labels; the ending of the file tells the form:\n"
        "  .ttl .nt       RDF: Turtle, N-Triples\n"
        "  .graphml       for Gephi, Cytoscape, yEd, igraph\n"
        "  .npz           store of ids, names and literals, as `kgrec kg convert` writes it\n"
        "  .csv           links: item, entity\n"
        "  .safetensors   users, items and entities for PyTorch Geometric (kgrec.kg.hetero.load_hetero)\n"
        "With --embeddings, the vectors of users and items of a finished run, as .npz.\n"
        "With --vectors, those of entities as the graph part of its model has them:\n"
        "  .safetensors   vectors [N, D], names and titles in the metadata\n"
        "  .txt           word2vec's text format, for gensim\n"
        "  .tsv           for TensorFlow's embedding projector, with OUT.names.tsv beside it",
        "  kgrec kg export films.ttl data=ml-100k kg=rewired\n"
        "  kgrec kg export vectors.npz --embeddings runs/default/lastfm_lightgcn_s0_1c0ffee5\n"
        "  kgrec kg export entities.tsv --vectors runs/default/lastfm_lightkg_full_s0_5eedf00d",
    )
    parser.add_argument("out", type=Path, help="file to write")
    parser.add_argument("overrides", nargs="*", metavar="setting", help=OVERRIDES_HELP)
    parser.add_argument("--embeddings", type=Path, metavar="RUN", help="run folder: users and items")
    parser.add_argument("--vectors", type=Path, metavar="RUN", help="run folder: entities")
    given = parser.parse_args(arguments)
    ending = given.out.suffix.lower()
    if given.embeddings is not None:
        if given.overrides or ending != ".npz":
            raise InputError(
                "--embeddings takes all settings from the run and writes .npz; give OUT.npz alone"
            )
        print(_export_embeddings(given.out, given.embeddings))
        return 0
    if given.vectors is not None:
        print(_export_vectors(given.out, given.vectors, given.overrides))
        return 0
    if ending not in WRITERS:
        raise InputError(f"{given.out}: unknown ending; a graph is written to {', '.join(WRITERS)}")

    from kgrec.build import compose
    from kgrec.pipeline import load_dataset, load_facts

    cfg = compose(given.overrides)
    dataset = load_dataset(cfg)
    facts = Exported(cfg, dataset, *load_facts(cfg, dataset))
    print(f"{given.out}: {WRITERS[ending](given.out, facts)}")
    return 0


@dataclass(frozen=True)
class Exported:
    """A dataset with triples and links as the graph arm has them."""

    cfg: Any
    dataset: "RecDataset"
    triples: "Triples"
    item_to_entity: "IntArray"

    def labels(self) -> list[tuple[int, str]]:
        """Entity and title of each linked item; items of one entity and title are told once."""
        named = (
            (entity, self.dataset.item_titles[item])
            for item, entity in enumerate(self.item_to_entity.tolist())
            if entity >= 0
        )
        return list(dict.fromkeys(named))


def _write_rdf(path: Path, facts: "Exported") -> str:
    import polars as pl

    from kgrec.kg.literals import LABEL_RELATIONS
    from kgrec.kg.rdf import write_rdf

    entities, relations = facts.dataset.entities.raw_ids, facts.dataset.relations.raw_ids
    rows: list[tuple[Any, ...]] = [
        (entities[head], relations[relation], entities[tail], False)
        for head, relation, tail in facts.triples.tolist()
    ]
    labels = facts.labels()
    rows += [(entities[entity], LABEL_RELATIONS[0], title, True) for entity, title in labels]
    names = ["head", "relation", "tail", "tail_is_literal"]
    write_rdf(pl.DataFrame(rows, schema=names, orient="row"), path)
    return f"{len(facts.triples):,} triples, {len(labels):,} labels"


def _write_graphml(path: Path, facts: "Exported") -> str:
    from kgrec.kg.graphml import write_graphml

    titles: dict[int, str] = {}
    for entity, title in facts.labels():
        titles.setdefault(entity, title)
    write_graphml(
        facts.triples, facts.dataset.entities.raw_ids, facts.dataset.relations.raw_ids, titles, path
    )
    return f"{facts.dataset.num_entities:,} nodes, {len(facts.triples):,} edges, {len(titles):,} titles"


def _write_store(path: Path, facts: "Exported") -> str:
    import numpy as np

    from kgrec.kg.literals import LABEL_RELATIONS, STRING
    from kgrec.kg.name_table import Names
    from kgrec.kg.store import GraphStore, save_store

    labels = facts.labels()
    relations = list(dict.fromkeys([*facts.dataset.relations.raw_ids, LABEL_RELATIONS[0]]))
    label = relations.index(LABEL_RELATIONS[0])
    label_facts = [(entity, label, 0, -1) for entity, _ in labels]
    store = GraphStore(
        triples=facts.triples.astype(np.int32),
        literal_facts=np.array(label_facts, dtype=np.int32).reshape(-1, 4),
        entities=Names.of(facts.dataset.entities.raw_ids),
        relations=Names.of(relations),
        literals=Names.of([title for _, title in labels]),
        datatypes=Names.of([STRING]),
        languages=Names.of([]),
    )
    return f"{len(facts.triples):,} triples, {len(labels):,} labels; hash {save_store(store, path)}"


def _write_links(path: Path, facts: "Exported") -> str:
    import numpy as np
    import polars as pl

    linked = np.flatnonzero(facts.item_to_entity >= 0).tolist()
    items, entities = facts.dataset.items.raw_ids, facts.dataset.entities.raw_ids
    rows = [(items[item], entities[facts.item_to_entity[item]]) for item in linked]
    frame = pl.DataFrame(rows, schema={"item": pl.String, "entity": pl.String}, orient="row")
    with whole_file(path) as temporary:
        frame.write_csv(temporary)
    return f"{len(rows):,} links of {facts.dataset.num_items:,} items"


def _write_hetero(path: Path, facts: "Exported") -> str:
    from kgrec.kg.hetero import save_hetero, to_hetero_data
    from kgrec.pipeline import load_graph

    data = to_hetero_data(load_graph(facts.cfg, facts.dataset))
    save_hetero(data, path)
    sizes = ", ".join(f"{data[kind].num_nodes:,} of {kind}" for kind in data.node_types)
    return f"nodes: {sizes}; {len(data.edge_types):,} edge types, {data.num_edges:,} edges"


def _export_embeddings(path: Path, run: Path) -> str:
    import numpy as np
    import torch

    from kgrec.recommend import TrainedRun

    trained = TrainedRun.load(run)
    with torch.no_grad():
        vectors = trained.model.embeddings()
    if vectors is None:
        raise InputError(f"{run}: this model has no vectors of users and items whose product is its score")
    users, items = (table.float().cpu().numpy() for table in vectors)
    user_ids, item_ids = trained.dataset.users.raw_ids, trained.dataset.items.raw_ids
    with whole_file(path) as temporary, temporary.open("wb") as file:
        np.savez(
            file,
            users=users,
            items=items,
            user_ids=np.array(user_ids, dtype=np.str_),
            item_ids=np.array(item_ids, dtype=np.str_),
        )
    return f"{path}: {len(users):,} users, {len(items):,} items, {items.shape[1]} numbers each"


def _export_vectors(path: Path, run: Path, overrides: Sequence[str]) -> str:
    import torch

    from kgrec.kg.graph import nodes_of_entities
    from kgrec.kg.vectors import VECTOR_WRITERS
    from kgrec.pipeline import load_facts
    from kgrec.recommend import TrainedRun

    if overrides or path.suffix.lower() not in VECTOR_WRITERS:
        raise InputError(
            f"--vectors takes all settings from the run and writes {', '.join(VECTOR_WRITERS)}; "
            "give OUT alone"
        )
    trained = TrainedRun.load(run)
    with torch.no_grad():
        vectors = trained.model.node_vectors()
    if vectors is None:
        raise InputError(f"{run}: model {type(trained.model).__name__} has no vectors of entities")
    dataset = trained.dataset
    facts = Exported(trained.cfg, dataset, *load_facts(trained.cfg, dataset))
    nodes, num_nodes = nodes_of_entities(
        dataset.num_users, dataset.num_items, dataset.num_entities, facts.item_to_entity
    )
    if num_nodes != len(vectors):
        raise InputError(
            f"{run}: the model has {len(vectors):,} vectors for {num_nodes:,} nodes of its graph"
        )
    rows = vectors[[of_entity[0] for of_entity in nodes]].float().cpu()
    kept = (~rows.isnan().any(dim=1)).nonzero().squeeze(1).tolist()
    titles: dict[int, str] = {}
    for entity, title in facts.labels():
        titles.setdefault(entity, title)
    names = [dataset.entities.raw_ids[entity] for entity in kept]
    VECTOR_WRITERS[path.suffix.lower()](
        path, names, [titles.get(entity, "") for entity in kept], rows[kept].numpy()
    )
    left_out = f"; {len(nodes) - len(kept):,} left out by the model" if len(kept) < len(nodes) else ""
    return f"{path}: {len(kept):,} entities, {rows.shape[1]} numbers each{left_out}"


WRITERS = {
    ".ttl": _write_rdf,
    ".nt": _write_rdf,
    ".graphml": _write_graphml,
    ".npz": _write_store,
    ".csv": _write_links,
    ".safetensors": _write_hetero,
}
"""File ending → what writes it and says what was written."""
