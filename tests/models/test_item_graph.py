import numpy as np
import pytest
import scipy.sparse as sp
import torch

from kgrec.errors import InputError
from kgrec.kg.graph import INVERSE_SUFFIX, Graph
from kgrec.models import item_graph
from kgrec.models.item_graph import ItemGraph, nearest_pairs

# Cosines: 0–1 and 2–3 are 0.8, 0–2 and 1–3 are 0.6, 1–2 is 0.96, 0–3 is 0. Item 4 is like nobody, 5 is empty.
ROWS = np.array([[1, 0], [0.8, 0.6], [0.6, 0.8], [0, 1], [-1, 0], [0, 0]])
NEAREST = {(0, 1): 0.8, (1, 2): 0.96, (2, 3): 0.8}
TWO_NEAREST = {**NEAREST, (0, 2): 0.6, (1, 3): 0.6}

TRAIN = [[1, 1, 0, 0], [0, 0, 1, 0]]
# Item 0 shares entity 4 with item 1 and entity 5 with item 3; entity 6 belongs to item 2 alone.
TRIPLES = [(0, 0, 4), (1, 0, 4), (5, 1, 0), (5, 1, 3), (2, 0, 6)]
# The rows that there are have mean 0, so centring leaves them; item 3 has none.
TEXT = [[1.0, 0.0], [-1.6, -0.8], [0.6, 0.8], [0.0, 0.0]]
# Nodes: users 0 and 1, items 2 to 5, entities 4 and 5 at 6 and 7; entity 6 has one fact and is left out.
INTERACTIONS = {(0, "interacts", 2): 1.0, (0, "interacts", 3): 1.0, (1, "interacts", 4): 1.0}
FACTS = {(2, "r0", 6): 0.5, (3, "r0", 6): 0.5, (7, "r1", 2): 0.5, (7, "r1", 5): 0.5}
# Item 0 has two facts of equal idf, items 1 and 3 one of them each: cosine √½, times 3.
ALIKE_BY_FACTS = {(2, "alike by facts", 3): 3 * 0.5**0.5, (2, "alike by facts", 5): 3 * 0.5**0.5}
ALIKE_BY_TEXT = {(2, "alike by text", 4): 2 * 0.6}


def item_graph_of(**changed: float) -> ItemGraph:
    settings = {
        "facts": 0.5,
        "min_facts": 2,
        "text_neighbours": 1,
        "text": 2.0,
        "fact_neighbours": 1,
        "fact_similarity": 3.0,
        "dropout": 0.0,
    }
    return ItemGraph(**{**settings, **changed})  # type: ignore[arg-type]


def stated(graph: Graph) -> dict[tuple[int, str, int], float]:
    """Weight of each edge as stated; fails where one has no inverse of its weight half the list later."""
    half = graph.num_edges // 2
    source, target = graph.edge_index
    assert torch.equal(graph.edge_index[:, :half], graph.edge_index[:, half:].flip(0))
    assert torch.equal(graph.edge_weight[:half], graph.edge_weight[half:])
    names = [graph.relation_names[kind] for kind in graph.edge_type.tolist()]
    assert names[half:] == [name + INVERSE_SUFFIX for name in names[:half]]
    rows = list(zip(source.tolist(), names[:half], target.tolist(), strict=False))
    assert len(set(rows)) == len(rows) == half
    return dict(zip(rows, graph.edge_weight.tolist(), strict=False))


@pytest.fixture
def inputs(make_inputs):
    return make_inputs(TRAIN, triples=TRIPLES, text=TEXT)


@pytest.mark.parametrize("form", [np.asarray, sp.csr_array], ids=["dense", "sparse"])
@pytest.mark.parametrize("block", [2, 1024])
@pytest.mark.parametrize(
    ("neighbours", "expected"), [(0, {}), (1, NEAREST), (2, TWO_NEAREST), (9, TWO_NEAREST)]
)
def test_items_are_joined_where_one_is_among_the_nearest_of_the_other(
    monkeypatch, form, block, neighbours, expected
) -> None:
    monkeypatch.setattr(item_graph, "BLOCK_SIZE", block)
    pairs, cosines = nearest_pairs(form(ROWS), neighbours)
    assert pairs.shape == (len(expected), 2)
    assert cosines.dtype == torch.float32
    found = {tuple(pair): value for pair, value in zip(pairs.tolist(), cosines.tolist(), strict=True)}
    assert found == pytest.approx(expected)


def test_a_lone_item_and_items_without_features_have_no_neighbours() -> None:
    for rows in (np.ones((1, 1)), sp.csr_array((3, 0)), np.zeros((3, 2))):
        pairs, cosines = nearest_pairs(rows, 2)
        assert (pairs.shape, cosines.shape) == ((0, 2), (0,))


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, INTERACTIONS | FACTS | ALIKE_BY_FACTS | ALIKE_BY_TEXT),
        ({"text_neighbours": 0}, INTERACTIONS | FACTS | ALIKE_BY_FACTS),
        ({"text": 0.0}, INTERACTIONS | FACTS | ALIKE_BY_FACTS),
        ({"fact_neighbours": 0}, INTERACTIONS | FACTS | ALIKE_BY_TEXT),
        ({"fact_similarity": 0.0}, INTERACTIONS | FACTS | ALIKE_BY_TEXT),
        ({"facts": 0.0}, INTERACTIONS | ALIKE_BY_TEXT),
        # An entity may be too rare for a node, and still say that two items are alike.
        ({"min_facts": 3}, INTERACTIONS | ALIKE_BY_FACTS | ALIKE_BY_TEXT),
        ({"min_facts": 1, "text": 0.0, "fact_neighbours": 0}, INTERACTIONS | FACTS | {(4, "r0", 8): 0.5}),
    ],
)
def test_edges_and_their_weights(inputs, changed, expected) -> None:
    graph = item_graph_of(**changed).build(inputs.graph, inputs.text)
    assert stated(graph) == pytest.approx(expected)
    assert int(graph.is_interaction.sum()) == 2 * len(INTERACTIONS)
    assert graph.edge_weight.dtype == torch.float32
    assert (graph.user_nodes.tolist(), graph.item_nodes.tolist()) == ([0, 1], [2, 3, 4, 5])


def test_without_facts_the_entities_have_no_node(inputs) -> None:
    assert item_graph_of(facts=0.0).build(inputs.graph, inputs.text).num_nodes == 6
    assert item_graph_of().build(inputs.graph, inputs.text).num_nodes == 8


def test_without_text_nobody_is_alike_by_text(make_inputs) -> None:
    inputs = make_inputs(TRAIN, triples=TRIPLES)
    graph = item_graph_of().build(inputs.graph, inputs.text)
    assert stated(graph) == pytest.approx(INTERACTIONS | FACTS | ALIKE_BY_FACTS)


def test_a_dropped_edge_goes_with_its_inverse(inputs) -> None:
    settings = item_graph_of(dropout=0.25)
    graph = settings.build(inputs.graph, inputs.text)
    torch.manual_seed(0)
    drawn = torch.stack([settings.thinned(graph).edge_weight for _ in range(400)])
    assert torch.equal(*drawn.chunk(2, dim=1))
    kept = drawn != 0
    assert torch.equal(drawn[kept], graph.edge_weight.expand_as(drawn)[kept])
    share = kept.float().mean(dim=0)
    assert ((share > 0.65) & (share < 0.85)).all()  # of every kind
    assert len(set(map(tuple, kept.tolist()))) > 100  # each edge by itself
    assert settings.thinned(graph).edge_index is graph.edge_index


def test_with_dropout_0_the_graph_is_the_same_one(inputs) -> None:
    graph = item_graph_of().build(inputs.graph, inputs.text)
    assert item_graph_of().thinned(graph) is graph


@pytest.mark.parametrize(
    ("setting", "value", "expected"),
    [
        ("facts", -0.1, "at least 0"),
        ("min_facts", 0, "at least 1"),
        ("text_neighbours", -1, "at least 0"),
        ("text", -0.1, "at least 0"),
        ("fact_neighbours", -1, "at least 0"),
        ("fact_similarity", -0.1, "at least 0"),
        ("dropout", -0.1, "at least 0"),
        ("dropout", 1.0, r"a share in \[0, 1\)"),
    ],
)
def test_values_out_of_range_are_refused(setting: str, value: float, expected: str) -> None:
    message = rf"model\.item_graph\.{setting}: found {value}, expected {expected}"
    with pytest.raises(InputError, match=message):
        item_graph_of(**{setting: value})
