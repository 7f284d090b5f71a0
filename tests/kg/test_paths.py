"""Best-first search against all simple paths, listed by networkx."""

import math

import networkx as nx
import numpy as np
import pytest

from kgrec.errors import InputError
from kgrec.kg.paths import Path, PathFinder, layout

NUM_NODES, NUM_EDGES = 12, 30


def random_edges(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Some edges are parallel, some have strength 0."""
    rng = np.random.default_rng(seed)
    edges = np.array([rng.choice(NUM_NODES, 2, replace=False) for _ in range(NUM_EDGES)])
    return edges, np.where(rng.random(NUM_EDGES) < 0.2, 0.0, rng.random(NUM_EDGES))


def all_paths(edges: np.ndarray, strengths: np.ndarray, max_length: int) -> dict[tuple[int, ...], float]:
    """Edges of each simple path from node 0 to the last one → its strength, where it has some."""
    graph = nx.MultiGraph()
    graph.add_nodes_from(range(NUM_NODES))
    for row, (a, b) in enumerate(edges.tolist()):
        graph.add_edge(a, b, key=row)
    paths = nx.all_simple_edge_paths(graph, 0, NUM_NODES - 1, cutoff=max_length)
    rows = [tuple(row for _, _, row in path) for path in paths]
    return {path: math.prod(strengths[list(path)]) for path in rows if strengths[list(path)].all()}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("max_length", [1, 3, 6])
def test_the_strongest_paths_are_those_of_a_complete_list(seed: int, max_length: int) -> None:
    edges, strengths = random_edges(seed)
    expected = all_paths(edges, strengths, max_length)
    found = PathFinder(edges, strengths, NUM_NODES).strongest(0, NUM_NODES - 1, 1000, max_length)
    assert {path.edges for path in found} == set(expected)
    assert [path.strength for path in found] == pytest.approx(sorted(expected.values(), reverse=True))
    for path in found:
        assert path.strength == pytest.approx(expected[path.edges])
        assert (path.nodes[0], path.nodes[-1]) == (0, NUM_NODES - 1)
        for edge, ends in zip(path.edges, zip(path.nodes, path.nodes[1:], strict=False), strict=True):
            assert set(edges[edge].tolist()) == set(ends)
    assert PathFinder(edges, strengths, NUM_NODES).strongest(0, NUM_NODES - 1, 2, max_length) == found[:2]


def test_the_random_graphs_have_paths_of_many_lengths() -> None:
    lengths = {len(path) for seed in range(5) for path in all_paths(*random_edges(seed), 6)}
    assert lengths >= {2, 3, 4, 5, 6}


def test_of_equally_strong_paths_the_shorter_comes_first() -> None:
    finder = PathFinder(np.array([[0, 1], [1, 2], [0, 3], [3, 4], [4, 2]]), np.ones(5), 5)
    assert [path.nodes for path in finder.strongest(0, 2, 5, 5)] == [(0, 1, 2), (0, 3, 4, 2)]


@pytest.mark.parametrize(("k", "max_length", "found"), [(0, 3, "k: found 0"), (1, 0, "max_length: found 0")])
def test_counts_below_one_are_refused(k: int, max_length: int, found: str) -> None:
    with pytest.raises(InputError, match=found):
        PathFinder(np.array([[0, 1]]), np.ones(1), 2).strongest(0, 1, k, max_length)


def test_strengths_that_are_no_shares_are_refused() -> None:
    with pytest.raises(ValueError, match=r"expected \[0, 1\]"):
        PathFinder(np.array([[0, 1]]), np.array([1.5]), 2)


def test_no_two_nodes_are_drawn_on_each_other() -> None:
    edges, strengths = random_edges(0)
    paths = PathFinder(edges, strengths, NUM_NODES).strongest(0, NUM_NODES - 1, 8, 6)
    places = layout(paths)
    assert set(places) == {node for path in paths for node in path.nodes}
    assert len(set(places.values())) == len(places)
    assert layout([Path((0, 1, 2), (0, 1), 1.0)]) == {0: (0.0, 0.0), 1: (1.0, 0.0), 2: (2.0, 0.0)}
