import numpy as np
import pytest
import torch

from kgrec.errors import InputError
from kgrec.kg.graph import build_graph
from kgrec.nn.facts import Facts, NeighbourSampler, facts_of


def facts(heads: list[int], relations: list[int], tails: list[int], num_rows: int) -> Facts:
    columns = (torch.tensor(column, dtype=torch.long) for column in (heads, relations, tails))
    return Facts(*columns, num_rows=num_rows, num_relations=max(relations, default=0) + 1)


def test_facts_are_the_triples_over_items_and_entities() -> None:
    # Item 0 is entity 2, item 1 has none: rows are item 0, item 1, entity 0, entity 1.
    graph = build_graph(
        num_users=2,
        num_items=2,
        num_entities=3,
        relation_names=["a", "b"],
        interactions=np.array([[0, 0], [1, 1]]),
        triples=np.array([[2, 0, 0], [1, 1, 2]]),
        item_to_entity=np.array([2, -1]),
    )
    found = facts_of(graph)
    assert (found.num_rows, found.num_relations) == (4, 2)
    triples = set(zip(found.heads.tolist(), found.relations.tolist(), found.tails.tolist(), strict=True))
    assert triples == {(0, 0, 2), (3, 1, 0)}
    dropped = facts_of(graph.with_edge_weight(torch.zeros(graph.num_edges)))
    assert len(dropped.heads) == 0


def test_inverses_keep_their_relation_or_have_their_own() -> None:
    two = facts([0, 1], [0, 1], [2, 0], num_rows=3)
    undirected, typed = two.undirected(), two.with_inverses()
    assert undirected.heads.tolist() == typed.heads.tolist() == [0, 1, 2, 0]
    assert undirected.tails.tolist() == typed.tails.tolist() == [2, 0, 0, 1]
    assert (undirected.relations.tolist(), undirected.num_relations) == ([0, 1, 0, 1], 2)
    assert (typed.relations.tolist(), typed.num_relations) == ([0, 1, 2, 3], 4)


def test_neighbours_are_drawn_without_replacement_where_there_are_enough() -> None:
    # Row 0 has five facts, row 1 has two, row 2 none.
    many = facts([0, 1, 0, 0, 1, 0, 0], [0, 1, 0, 0, 2, 0, 3], [3, 4, 5, 6, 7, 8, 9], num_rows=10)
    seen = set()
    for seed in range(20):
        neighbours, relations = NeighbourSampler(size=3, seed=seed)(many)
        assert len(set(neighbours[0].tolist())) == 3
        assert set(neighbours[0].tolist()) <= {3, 5, 6, 8, 9}
        assert set(neighbours[1].tolist()) <= {4, 7}
        assert neighbours[2].tolist() == [2, 2, 2]
        relation_of = {3: 0, 5: 0, 6: 0, 8: 0, 9: 3, 4: 1, 7: 2}
        for row in (0, 1):
            assert relations[row].tolist() == [relation_of[tail] for tail in neighbours[row].tolist()]
        seen |= set(neighbours[0].tolist())
    assert seen == {3, 5, 6, 8, 9}
    first, again = (NeighbourSampler(size=3, seed=1)(many)[0] for _ in range(2))
    assert torch.equal(first, again)


def test_a_graph_without_facts_leaves_every_row_to_itself() -> None:
    neighbours, relations = NeighbourSampler(size=2, seed=0)(facts([], [], [], num_rows=3).undirected())
    assert neighbours.tolist() == [[0, 0], [1, 1], [2, 2]]
    assert not relations.any()


def test_a_size_below_one_is_refused() -> None:
    with pytest.raises(InputError, match=r"model\.neighbours\.size: found 0"):
        NeighbourSampler(size=0, seed=0)
