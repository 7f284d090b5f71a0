import torch

from kgrec.models.graph_view import GraphView
from kgrec.models.item_context import ItemContext, fact_degrees, rarest_facts
from kgrec.text.encoder import TextFeatures
from kgrec.text.tokens import TokenFeatures

# Entity 4 has three facts, 5 two, 6 one; items 0 and 1 know each other; user 0 has touched item 3.
FACTS = [(0, 0, 4), (1, 0, 4), (2, 1, 4), (0, 1, 5), (1, 0, 5), (0, 0, 6), (0, 1, 1)]
TRAIN = [[0, 0, 0, 1]]


def test_rarest_neighbours_first_and_no_more_than_asked(make_inputs) -> None:
    graph = make_inputs(TRAIN, triples=FACTS).graph
    for limit, expected in ((9, [[6, 5, 4, 1], [5, 4, 0], [4], []]), (2, [[6, 5], [5, 4], [4], []])):
        edges, mask = rarest_facts(graph, graph.item_nodes, fact_degrees(graph), limit)
        sources = graph.edge_index[0, edges] - 1  # one user comes first
        found = [row[own].tolist() for row, own in zip(sources, mask, strict=True)]
        # Entity 4 and item 1 have three facts each: in the order of the edges, where tails come last.
        found[0] = [*found[0][:2], *sorted(found[0][2:], reverse=True)]
        found[1] = [*found[1][:1], *sorted(found[1][1:], reverse=True)]
        assert found[2:] == expected[2:]
        assert found[0][: len(expected[0])] == expected[0]
        assert found[1][:1] == expected[1][:1]
        assert mask.shape[1] == len(expected[0])


def test_an_item_without_facts_or_a_limit_of_none_has_no_neighbours(make_inputs) -> None:
    graph = make_inputs(TRAIN, triples=FACTS).graph
    assert rarest_facts(graph, graph.item_nodes, fact_degrees(graph), 0)[0].shape == (4, 0)
    bare = make_inputs(TRAIN).graph
    assert rarest_facts(bare, bare.item_nodes, fact_degrees(bare), 3)[1].shape == (4, 0)


def test_tokens_and_neighbours_come_to_their_item(make_inputs) -> None:
    inputs = make_inputs(TRAIN, triples=FACTS, text=[[1.0]] * 4)
    graph = inputs.graph
    mask = torch.tensor([[1, 1, 1], [1, 0, 0], [0, 0, 0], [1, 1, 0]], dtype=torch.bool)
    text = TokenFeatures(torch.ones(4, 1), mask.any(1), {}, torch.arange(12.0).reshape(4, 3, 1), mask)
    context = ItemContext(graph, text, max_neighbours=1, max_tokens=2)
    assert context.tokens.flatten().tolist() == [0, 1, 3, 9, 10]
    nodes = torch.arange(graph.num_nodes).float().unsqueeze(1)
    found = context.of_items(context.tokens * 10, nodes, graph)
    assert found.tokens.squeeze(2).tolist() == [[0, 10], [30, 0], [0, 0], [90, 100]]
    assert torch.equal(found.token_mask, mask[:, :2])
    assert found.neighbours[:3].flatten().tolist() == [7, 6, 5]  # entities 6, 5, 4
    assert found.neighbour_mask.flatten().tolist() == [True, True, True, False]


def test_a_fact_of_weight_0_is_none(make_inputs) -> None:
    graph = make_inputs(TRAIN, triples=FACTS).graph
    context = ItemContext(graph, TextFeatures(torch.ones(4, 1), torch.ones(4).bool(), {}), 4, 4)
    dropped = graph.edge_index[0] == 7  # entity 6
    found = context.of_items(
        context.tokens, torch.zeros(graph.num_nodes, 1), graph.with_edge_weight((~dropped).float())
    )
    assert found.neighbour_mask.sum(dim=1).tolist() == [3, 3, 1, 0]


def test_without_token_features_the_text_is_one_token(make_inputs) -> None:
    text = TextFeatures(
        torch.tensor([[1.0], [2.0], [0.0], [4.0]]), torch.tensor([True, True, False, True]), {}
    )
    context = ItemContext(make_inputs(TRAIN).graph, text, 4, 4)
    assert context.tokens.flatten().tolist() == [1.0, 2.0, 4.0]
    assert context.token_mask.tolist() == [[True], [True], [False], [True]]


def test_only_what_the_view_shows_is_a_neighbour(make_inputs) -> None:
    graph = make_inputs(TRAIN, triples=FACTS).graph
    for interactions in (False, True):
        visible = graph.pruned(GraphView(interactions, min_facts=2).visible(graph))
        _, mask = rarest_facts(visible, visible.item_nodes, fact_degrees(visible), 9)
        assert mask.sum(dim=1).tolist() == [3, 3, 1, 0]  # entity 6 has a single fact; users are no entities
