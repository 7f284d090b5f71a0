import json

import numpy as np
import pytest

from kgrec.kg.stats import describe_entity, graph_stats

# heat -directed_by-> mann, ali -directed_by-> mann, heat -stars-> pacino, alone -stars-> nobody
ENTITY_NAMES = ["heat", "ali", "mann", "pacino", "alone", "nobody", "unused", "bare"]
RELATION_NAMES = ["stars", "directed_by", "never"]
TRIPLES = np.array([[0, 1, 2], [1, 1, 2], [0, 0, 3], [4, 0, 5]])
LINKS = np.array([0, 1, 4, 7, -1, 0])  # item 3's entity is in no triple; items 0 and 5 share one


def test_known_graph() -> None:
    stats = graph_stats(TRIPLES, LINKS, RELATION_NAMES)
    assert stats["entities"] == 7
    assert stats["relations"] == 2
    assert stats["triples"] == 4
    assert stats["degree"] == {"min": 0, "q25": 1, "median": 1, "q75": 1.5, "q90": 2, "max": 2, "mean": 8 / 7}
    assert stats["components"] == 3
    assert stats["largest_component_share"] == 4 / 7
    assert stats["density"] == pytest.approx(4 / 21)
    assert stats["relation_table"] == [
        {"relation": "stars", "triples": 2, "heads": 2, "tails": 2},
        {"relation": "directed_by", "triples": 2, "heads": 2, "tails": 1},
        {"relation": "never", "triples": 0, "heads": 0, "tails": 0},
    ]
    assert (stats["items"], stats["linked_items"], stats["linked_share"]) == (6, 5, 5 / 6)
    assert stats["items_with_facts"] == 4
    assert stats["items_sharing_entity"] == 2
    assert stats["items_sharing_fact"] == 3  # heat twice and ali: the director


def test_direction_of_a_shared_fact_counts() -> None:
    """a → x and x → b: a and b stand in different relations to x, so they share nothing."""
    chain = np.array([[0, 0, 1], [1, 0, 2]])
    assert graph_stats(chain, np.array([0, 2]), ["r"])["items_sharing_fact"] == 0
    fork = np.array([[1, 0, 0], [1, 0, 2]])
    assert graph_stats(fork, np.array([0, 2]), ["r"])["items_sharing_fact"] == 2


def test_repeated_triples_are_no_shared_fact_and_loops_no_edge() -> None:
    stats = graph_stats(np.array([[0, 0, 1], [0, 0, 1], [1, 0, 1]]), np.array([0]), ["r"])
    assert stats["items_sharing_fact"] == 0
    assert stats["density"] == 1.0


@pytest.mark.parametrize("links", [[], [-1, -1]])
def test_empty_graph(links: list[int]) -> None:
    stats = graph_stats(np.empty((0, 3), dtype=np.int64), np.array(links, dtype=np.int64), [])
    assert stats["entities"] == stats["components"] == stats["items_sharing_fact"] == 0
    assert stats["linked_share"] == 0.0


def test_stats_are_json() -> None:
    assert json.loads(json.dumps(graph_stats(TRIPLES, LINKS, RELATION_NAMES)))["triples"] == 4


def describe(entity: int, max_facts: int = 10) -> str:
    titles = ["Heat", "Ali", "Alone", "Bare", "Unlinked", "Heat (DVD)"]
    return describe_entity(entity, TRIPLES, LINKS, ENTITY_NAMES, RELATION_NAMES, titles, max_facts)


def test_describe_entity_shows_both_directions_and_items() -> None:
    assert (
        describe(0)
        == "heat [Heat, Heat (DVD)]: 2 outgoing, 0 incoming\n  directed_by → mann\n  stars → pacino"
    )
    assert describe(2) == (
        "mann: 0 outgoing, 2 incoming\n  directed_by ← heat [Heat, Heat (DVD)]\n  directed_by ← ali [Ali]"
    )
    assert describe(7) == "bare [Bare]: 0 outgoing, 0 incoming"


def test_describe_entity_counts_what_it_leaves_out() -> None:
    assert describe(2, max_facts=1).splitlines()[1:] == [
        "  directed_by ← heat [Heat, Heat (DVD)]",
        "  … and 1 more",
    ]


def test_describe_entity_refuses_unknown_ids() -> None:
    with pytest.raises(ValueError, match=r"entity is 8, expected \[0, 8\)"):
        describe(8)
