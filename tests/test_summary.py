"""Digests that tell whether two runs saw the same data."""

import numpy as np

from kgrec.kg.graph import Graph, build_graph
from kgrec.summary import graph_digest

TRIPLES = [[1, 0, 0], [3, 0, 0], [0, 1, 2]]
LINKS = [1, -1, 3]
RELATIONS = ["by", "in"]
PAIRS = [[0, 0], [1, 2]]


def graph_of(
    triples: list[list[int]] = TRIPLES,
    links: list[int] = LINKS,
    relations: list[str] = RELATIONS,
    pairs: list[list[int]] = PAIRS,
) -> Graph:
    return build_graph(
        num_users=2,
        num_items=3,
        num_entities=4,
        relation_names=relations,
        interactions=np.array(pairs),
        triples=np.array(triples),
        item_to_entity=np.array(links),
    )


def test_the_digest_of_a_graph_tells_facts_links_and_names_but_not_interactions() -> None:
    same = graph_digest(graph_of())
    assert same == graph_digest(graph_of(triples=TRIPLES[::-1]))  # a graph is a set of facts
    assert same == graph_digest(graph_of(pairs=[[0, 1]]))
    others = [
        graph_of(triples=TRIPLES[:2]),
        graph_of(triples=[[1, 1, 0], *TRIPLES[1:]]),
        graph_of(links=[1, -1, 2]),
        graph_of(relations=["by", "of"]),
    ]
    assert len({same, *map(graph_digest, others)}) == 5
