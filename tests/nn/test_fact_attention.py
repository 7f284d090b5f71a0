"""KGRec's attention, fact by fact."""

import numpy as np
import pytest
import torch

from kgrec.kg.graph import Graph, build_graph
from kgrec.nn.fact_attention import FactAttention, FactEdges

DIM, HEADS = 6, 2


@pytest.fixture
def graph() -> Graph:
    """Three items with facts of two relations, parallel ones among them; two interactions."""
    rng = np.random.default_rng(0)
    return build_graph(
        num_users=2,
        num_items=3,
        num_entities=5,
        relation_names=["a", "b"],
        interactions=np.array([[0, 0], [1, 2]]),
        triples=rng.integers([3, 2, 5], size=(12, 3)),
        item_to_entity=np.array([0, 1, 2]),
    )


@pytest.fixture
def attention(graph):
    torch.manual_seed(0)
    return FactAttention(DIM, graph.num_relations, HEADS)


def scores_by_hand(attention, x, facts):
    """``[E, H]``: f of each fact and head."""
    mapped = (x @ attention.queries).view(-1, HEADS, DIM // HEADS)
    z = attention.relations[facts.graph.edge_type].view(-1, HEADS, DIM // HEADS)
    return (mapped[facts.target] * mapped[facts.source] * z).sum(2) / (DIM / HEADS) ** 0.5


def shares_by_hand(scores, facts, weights):
    shares = torch.zeros_like(scores)
    for node in facts.target.unique():
        here = (facts.target == node) & (weights > 0)
        shares[here] = torch.softmax(scores[here], dim=0)
    return shares


def test_sums_are_weighted_by_the_softmax_of_each_head(graph, attention):
    facts, x = FactEdges(graph), torch.randn(graph.num_nodes, DIM)
    weights = torch.ones(facts.num_edges).index_fill(0, torch.tensor([0, 3]), 0.0)
    shares = shares_by_hand(scores_by_hand(attention, x, facts), facts, weights)
    messages = (x[facts.source] * attention.relations[facts.graph.edge_type]).view(-1, HEADS, DIM // HEADS)
    expected = torch.zeros_like(x).index_add(0, facts.target, (messages * shares.unsqueeze(2)).flatten(1))
    assert torch.allclose(attention(x, facts, weights), expected, atol=1e-6)


def test_the_rationale_is_one_on_average_over_a_nodes_facts(graph, attention):
    facts, x = FactEdges(graph), torch.randn(graph.num_nodes, DIM)
    weights = torch.ones(facts.num_edges).index_fill(0, torch.tensor([1]), 0.0)
    found = attention.rationale(x, facts, weights)
    shares = shares_by_hand(scores_by_hand(attention, x, facts).mean(1, keepdim=True), facts, weights)
    counts = torch.bincount(facts.target[weights > 0], minlength=graph.num_nodes)
    assert torch.allclose(found, shares.squeeze(1) * counts[facts.target], atol=1e-5)
    assert found[1] == 0
    assert found[weights > 0].mean().item() == pytest.approx(1, abs=1e-5)


def test_foretold_facts_are_products_of_three(graph, attention):
    facts, x = FactEdges(graph), torch.randn(graph.num_nodes, DIM)
    edges = torch.tensor([2, 0])
    z = attention.relations[facts.graph.edge_type[edges]]
    expected = (x[facts.target[edges]] * z * x[facts.source[edges]]).sum(1)
    assert torch.allclose(attention.foretold(x, facts, edges), expected, atol=1e-6)


def test_means_of_nodes_are_of_facts_in_and_out_and_one_without(graph):
    facts = FactEdges(graph)
    weights = torch.ones(facts.num_edges).index_fill(0, torch.tensor([0, 2]), 0.0)
    values = torch.rand(facts.num_edges) * weights
    found = facts.mean_of_nodes(values, weights)
    for node in range(graph.num_nodes):
        means = []
        for ends in (facts.target, facts.source):
            here = values[(ends == node) & (weights > 0)]
            means.append(here.mean().item() if len(here) else 1.0)
        assert found[node].item() == pytest.approx(sum(means) / 2, abs=1e-5)
    assert found[0] == 1  # a user
