import numpy as np
import pytest
import torch

from kgrec.kg.graph import Graph, build_graph, kept_nodes, with_item_edges

NO_TRIPLES = np.empty((0, 3), dtype=np.int64)
NO_PAIRS = np.empty((0, 2), dtype=np.int64)


def edges(graph: Graph) -> set[tuple[int, str, int]]:
    """(source, relation name, target) of every edge; fails where an edge stands twice."""
    rows = [
        (source, graph.relation_names[kind], target)
        for source, kind, target in zip(
            graph.edge_index[0].tolist(), graph.edge_type.tolist(), graph.edge_index[1].tolist(), strict=True
        )
    ]
    assert len(set(rows)) == len(rows)
    return set(rows)


def small_graph() -> Graph:
    """2 users, 3 items (nodes 2, 3, 4), entities 0 … 3; items 0 and 2 link to entities 1 and 3.

    Entities 0 and 2 are no items: nodes 5 and 6.
    """
    return build_graph(
        num_users=2,
        num_items=3,
        num_entities=4,
        relation_names=["by", "in"],
        interactions=np.array([[0, 0], [1, 2], [1, 1]]),
        triples=np.array([[1, 0, 0], [3, 0, 0], [0, 1, 2], [1, 1, 3]]),
        item_to_entity=np.array([1, -1, 3]),
    )


def test_items_take_the_place_of_their_entities() -> None:
    graph = small_graph()
    assert graph.num_nodes == 7
    assert graph.user_nodes.tolist() == [0, 1]
    assert graph.item_nodes.tolist() == [2, 3, 4]
    forward = {(s, r, t) for s, r, t in edges(graph) if not r.endswith("^-1")}
    assert forward == {
        (2, "by", 5), (4, "by", 5), (5, "in", 6), (2, "in", 4),
        (0, "interacts", 2), (1, "interacts", 4), (1, "interacts", 3),
    }  # fmt: skip


def test_every_edge_has_its_inverse_with_a_relation_of_its_own() -> None:
    graph = small_graph()
    assert graph.relation_names == ("by", "in", "interacts", "by^-1", "in^-1", "interacts^-1")
    assert graph.num_relations == 6
    assert graph.num_edges == 14
    found = edges(graph)
    for source, relation, target in found:
        if not relation.endswith("^-1"):
            assert (target, relation + "^-1", source) in found


def test_has_kg_marks_items_with_a_triple() -> None:
    assert small_graph().has_kg.tolist() == [True, False, True]
    linked_without_triple = build_graph(1, 2, 3, ["r"], NO_PAIRS, np.array([[1, 0, 2]]), np.array([0, 2]))
    assert linked_without_triple.has_kg.tolist() == [False, True]


def test_only_the_given_interactions_are_in_the_graph() -> None:
    graph = small_graph()
    mask = graph.is_interaction
    assert int(mask.sum()) == 6
    pairs = {tuple(sorted(pair)) for pair in graph.edge_index[:, mask].T.tolist()}
    assert pairs == {(0, 2), (1, 3), (1, 4)}


def test_items_that_share_an_entity_have_nodes_and_facts_of_their_own() -> None:
    """Items 0 and 1 (nodes 1, 2) are both entity 0: a cold item must not stand on a warm one's node."""
    graph = build_graph(
        num_users=1,
        num_items=2,
        num_entities=3,
        relation_names=["by", "of"],
        interactions=np.array([[0, 0]]),
        triples=np.array([[0, 0, 1], [2, 1, 0]]),
        item_to_entity=np.array([0, 0]),
    )
    forward = {(s, r, t) for s, r, t in edges(graph) if not r.endswith("^-1")}
    assert forward == {(1, "by", 3), (2, "by", 3), (4, "of", 1), (4, "of", 2), (0, "interacts", 1)}
    assert graph.has_kg.tolist() == [True, True]


def test_facts_between_two_shared_entities_join_all_their_items() -> None:
    graph = build_graph(0, 4, 2, ["r"], NO_PAIRS, np.array([[0, 0, 1]]), np.array([0, 0, 1, 1]))
    forward = {(s, t) for s, r, t in edges(graph) if r == "r"}
    assert forward == {(0, 2), (0, 3), (1, 2), (1, 3)}


def test_repeated_triples_and_self_loops_are_dropped() -> None:
    graph = build_graph(0, 1, 2, ["r"], NO_PAIRS, np.array([[0, 0, 1], [0, 0, 1], [1, 0, 1]]), np.array([0]))
    assert graph.num_edges == 2


def test_a_self_loop_of_a_shared_entity_joins_nobody() -> None:
    graph = build_graph(0, 2, 1, ["r"], NO_PAIRS, np.array([[0, 0, 0]]), np.array([0, 0]))
    assert graph.num_edges == 0


def test_a_relation_whose_name_begins_like_interactions_is_none() -> None:
    graph = build_graph(1, 1, 3, ["interacts_with"], np.array([[0, 0]]), np.array([[1, 0, 2]]), np.array([0]))
    assert int(graph.is_interaction.sum()) == 2


def test_without_triples_or_interactions() -> None:
    lone = build_graph(2, 2, 0, [], np.array([[1, 0]]), NO_TRIPLES, np.array([-1, -1]))
    assert edges(lone) == {(1, "interacts", 2), (2, "interacts^-1", 1)}
    assert lone.num_nodes == 4
    assert not lone.has_kg.any()
    empty = build_graph(1, 1, 1, ["r"], NO_PAIRS, NO_TRIPLES, np.array([-1]))
    assert (empty.num_edges, empty.num_nodes) == (0, 3)
    assert empty.is_interaction.shape == (0,)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"interactions": np.array([[2, 0]])}, "interaction user"),
        ({"interactions": np.array([[0, 3]])}, "interaction item"),
        ({"item_to_entity": np.array([0, -1, 4])}, "link"),
        ({"triples": np.array([[4, 0, 0]])}, "triple head"),
        ({"triples": np.array([[0, 1, 0]])}, "triple relation"),
        ({"triples": np.array([[0, 0, -1]])}, "triple tail"),
    ],
)
def test_ids_out_of_range_are_refused(changed: dict[str, np.ndarray], message: str) -> None:
    arguments = {
        "num_users": 2,
        "num_items": 3,
        "num_entities": 4,
        "relation_names": ["r"],
        "interactions": np.array([[0, 0]]),
        "triples": np.array([[0, 0, 1]]),
        "item_to_entity": np.array([0, -1, 3]),
    }
    build_graph(**arguments)
    with pytest.raises(ValueError, match=f"{message} ids lie in"):
        build_graph(**{**arguments, **changed})


def test_edge_weight_is_another_graph_over_the_same_edges() -> None:
    graph = small_graph()
    weights = torch.rand(graph.num_edges)
    weighted = graph.with_edge_weight(weights)
    assert weighted.edge_weight is weights
    assert graph.edge_weight is None
    assert weighted.edge_index is graph.edge_index


def test_entities_are_the_nodes_that_are_no_user_and_no_item() -> None:
    graph = small_graph()
    assert graph.num_items == 3
    assert graph.entity_nodes.tolist() == [5, 6]
    only_items = build_graph(1, 1, 0, [], np.array([[0, 0]]), NO_TRIPLES, np.array([-1]))
    assert only_items.entity_nodes.tolist() == []


def star_graph() -> Graph:
    """Users 0 and 1, items 2 and 3, entities 4, 5 and 6; item 2 has a fact with each, user 0 touched it."""
    return build_graph(
        num_users=2,
        num_items=2,
        num_entities=5,
        relation_names=["r"],
        interactions=np.array([[0, 0]]),
        triples=np.array([[0, 0, 2], [0, 0, 3], [0, 0, 4]]),
        item_to_entity=np.array([0, 1]),
    )


def test_pruned_numbers_the_entities_left_anew() -> None:
    graph = star_graph().with_edge_weight(torch.arange(8.0))
    keep = ~(graph.edge_index == 5).any(dim=0)
    pruned = graph.pruned(keep)
    assert kept_nodes(graph, keep).tolist() == [0, 1, 2, 3, 4, 6]
    assert (pruned.num_nodes, pruned.entity_nodes.tolist()) == (6, [4, 5])
    forward = {(s, r, t) for s, r, t in edges(pruned) if not r.endswith("^-1")}
    assert forward == {(2, "r", 4), (2, "r", 5), (0, "interacts", 2)}
    assert torch.equal(kept_nodes(graph, keep)[pruned.edge_index], graph.edge_index[:, keep])
    assert pruned.edge_weight is not None
    assert torch.equal(pruned.edge_weight, torch.arange(8.0)[keep])


def test_pruned_keeps_users_and_items_without_an_edge() -> None:
    graph = star_graph()
    nothing = torch.zeros(graph.num_edges, dtype=torch.bool)
    pruned = graph.pruned(nothing)
    assert (pruned.num_nodes, pruned.num_edges) == (4, 0)
    assert pruned.user_nodes.tolist() == [0, 1]
    assert pruned.item_nodes.tolist() == [2, 3]
    assert kept_nodes(graph, nothing).tolist() == [0, 1, 2, 3]


def test_pruned_reads_its_own_interactions() -> None:
    """Whether an edge is an interaction is remembered, so the mask must not be the unpruned graph's."""
    graph = star_graph()
    assert int(graph.is_interaction.sum()) == 2
    facts = graph.pruned(~graph.is_interaction)
    assert facts.is_interaction.tolist() == [False] * 6
    assert edges(graph.pruned(torch.ones(8, dtype=torch.bool))) == edges(graph)


def weights_by_edge(graph: Graph) -> dict[tuple[int, str, int], float]:
    """Weight of every edge by (source, relation name, target)."""
    names = [graph.relation_names[kind] for kind in graph.edge_type.tolist()]
    keys = zip(graph.edge_index[0].tolist(), names, graph.edge_index[1].tolist(), strict=True)
    assert len(edges(graph)) == graph.num_edges
    return dict(zip(keys, graph.edge_weight.tolist(), strict=True))


@pytest.mark.parametrize("weighted", [False, True])
def test_item_edges_are_one_more_relation_with_its_inverse(weighted: bool) -> None:
    """Pairs (0, 2) and (1, 2) of items are nodes 2 and 4, 3 and 4."""
    graph = small_graph()
    assert int(graph.is_interaction.sum()) == 6  # remembered, and not to be taken over
    before = torch.arange(1.0, 15.0) if weighted else None
    if before is not None:
        graph = graph.with_edge_weight(before)
    more = with_item_edges(graph, np.array([[0, 2], [1, 2]]), torch.tensor([0.5, 0.25]), "alike")
    assert more.relation_names == (
        "by", "in", "alike", "interacts", "by^-1", "in^-1", "alike^-1", "interacts^-1",
    )  # fmt: skip
    old = graph.with_edge_weight(torch.ones(14) if before is None else before)
    assert weights_by_edge(more) == weights_by_edge(old) | {
        (2, "alike", 4): 0.5, (4, "alike^-1", 2): 0.5, (3, "alike", 4): 0.25, (4, "alike^-1", 3): 0.25,
    }  # fmt: skip
    named = [more.relation_names[kind].startswith("interacts") for kind in more.edge_type.tolist()]
    assert more.is_interaction.tolist() == named
    assert (more.num_nodes, more.item_nodes.tolist()) == (7, [2, 3, 4])


def test_item_edges_keep_each_inverse_half_the_list_later() -> None:
    graph = with_item_edges(small_graph(), np.array([[0, 2]]), torch.tensor([0.5]), "first")
    graph = with_item_edges(graph, np.array([[0, 1], [0, 2]]), torch.tensor([0.1, 0.2]), "second")
    half, num_forward = graph.num_edges // 2, graph.num_relations // 2
    assert (half, num_forward) == (10, 5)
    assert torch.equal(graph.edge_index[:, half:], graph.edge_index[:, :half].flip(0))
    assert torch.equal(graph.edge_type[half:], graph.edge_type[:half] + num_forward)
    assert torch.equal(graph.edge_weight[half:], graph.edge_weight[:half])
    assert graph.relation_names[:5] == ("by", "in", "first", "second", "interacts")
    assert int(graph.is_interaction.sum()) == 6


def test_without_a_pair_there_is_a_relation_without_an_edge() -> None:
    nothing = with_item_edges(small_graph(), NO_PAIRS, torch.zeros(0), "alike")
    assert edges(nothing) == edges(small_graph())
    assert nothing.num_relations == 8


@pytest.mark.parametrize("cached_first", [False, True])
def test_to_moves_every_tensor(cached_first: bool) -> None:
    graph = small_graph().with_edge_weight(torch.ones(14))
    if cached_first:
        assert graph.is_interaction.device.type == "cpu"
    moved = graph.to("meta")
    for tensor in (moved.edge_index, moved.edge_type, moved.user_nodes, moved.item_nodes, moved.has_kg):
        assert tensor.device.type == "meta"
    assert moved.edge_weight is not None
    assert moved.edge_weight.device.type == "meta"
    assert moved.is_interaction.device.type == "meta"
    assert (moved.num_nodes, moved.relation_names) == (graph.num_nodes, graph.relation_names)
    assert graph.edge_index.device.type == "cpu"
