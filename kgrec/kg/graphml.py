"""Triples as GraphML, which Gephi, Cytoscape, yEd and igraph read."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import networkx as nx

from kgrec.errors import InputError
from kgrec.kg.whole_file import whole_file
from kgrec.shapes import Triples

_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_graphml(
    triples: Triples,
    entity_names: Sequence[str],
    relation_names: Sequence[str],
    titles: Mapping[int, str],
    path: Path,
) -> None:
    """Write a directed multigraph: nodes have ``name`` and where known ``title``, edges ``relation``.

    Nodes are entities by id, also those without a triple. Nothing half-written is left under ``path``.

    Args:
        triples: ``[T, 3]``.
        entity_names: E names.
        relation_names: R names.
        titles: entity id → what people call it.
        path: where to; its folder is made.

    Raises:
        InputError: a name with a character that XML has no way to write.
    """
    for name in (*entity_names, *relation_names, *titles.values()):
        if _NOT_IN_XML.search(name):
            raise InputError(
                f"{path}: the name {name!r} has a character that GraphML cannot hold; use .ttl or .npz"
            )
    graph = nx.MultiDiGraph()
    for entity, name in enumerate(entity_names):
        graph.add_node(entity, name=name, **({"title": titles[entity]} if entity in titles else {}))
    for head, relation, tail in triples.tolist():
        graph.add_edge(head, tail, relation=relation_names[relation])
    with whole_file(path) as temporary:
        nx.write_graphml_xml(graph, str(temporary))
