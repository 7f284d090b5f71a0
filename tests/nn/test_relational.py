"""Sums along relations, against the formula edge by edge."""

import pytest
import torch

from kgrec.nn.relational import RelationalEdges, relational_sum

NUM_TARGETS, NUM_SOURCES, NUM_RELATIONS, NUM_EDGES, DIM = 7, 9, 3, 60, 4


@pytest.fixture
def edges():
    """Source, target and relation of random edges: some parallel, a target and a relation without any."""
    generator = torch.Generator().manual_seed(0)
    source = torch.randint(NUM_SOURCES, (NUM_EDGES,), generator=generator)
    target = torch.randint(NUM_TARGETS - 1, (NUM_EDGES,), generator=generator)
    return source, target, torch.randint(NUM_RELATIONS - 1, (NUM_EDGES,), generator=generator)


def made(edges):
    return RelationalEdges(*edges, (NUM_TARGETS, NUM_SOURCES, NUM_RELATIONS))


def inputs():
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(NUM_SOURCES, DIM, generator=generator).requires_grad_()
    return x, torch.randn(NUM_RELATIONS, DIM, generator=generator).requires_grad_()


def edge_by_edge(x, relations, edges, keep):
    source, target, relation = (ids[keep] for ids in edges)
    out = x.new_zeros(NUM_TARGETS, DIM)
    return out.index_add(0, target, x[source] * relations[relation])


@pytest.mark.parametrize("share", [1.0, 0.5, 0.0])
def test_values_and_gradients_are_those_of_the_formula(edges, share):
    keep = torch.rand(NUM_EDGES, generator=torch.Generator().manual_seed(2)) < share
    kept = made(edges).kept(None if share == 1 else keep)
    x, relations = inputs()
    found, handed = relational_sum(x, relations, kept, 3)
    assert torch.equal(handed, x[:3])
    expected = edge_by_edge(x, relations, edges, keep)
    assert torch.allclose(found, expected, atol=1e-6)
    weight = torch.randn_like(found)
    got = torch.autograd.grad((found * weight).sum() + handed.square().sum(), (x, relations))
    want = torch.autograd.grad((expected * weight).sum() + x[:3].square().sum(), (x, relations))
    for one, other in zip(got, want, strict=True):
        assert torch.allclose(one, other, atol=1e-5)


def test_two_layers_share_the_buffers_without_harm(edges):
    square = RelationalEdges(edges[0], edges[1], edges[2], (NUM_SOURCES, NUM_SOURCES, NUM_RELATIONS)).kept()
    x, relations = inputs()
    inner, _ = relational_sum(x, relations, square, 0)
    outer, _ = relational_sum(inner, relations, square, 0)
    source, target, relation = edges
    expected = x
    for _ in range(2):
        expected = torch.zeros_like(x).index_add(0, target, expected[source] * relations[relation])
    assert torch.allclose(outer, expected, atol=1e-5)
    got = torch.autograd.grad(outer.square().sum(), (x, relations))
    want = torch.autograd.grad(expected.square().sum(), (x, relations))
    assert all(torch.allclose(one, other, rtol=1e-4, atol=1e-4) for one, other in zip(got, want, strict=True))


def test_what_the_buffers_held_before_does_not_matter(edges):
    kept = made(edges).kept()
    x, relations = inputs()
    before, _ = relational_sum(x, relations, kept, 0)
    for buffer in kept.buffers.tensors:
        buffer.fill_(torch.nan)
    after, _ = relational_sum(x, relations, kept, 0)
    after.sum().backward()
    assert torch.equal(after, before)
    assert x.grad.isfinite().all()
    assert relations.grad.isfinite().all()


def test_no_edges_and_no_relations_give_zeros():
    none = torch.empty(0, dtype=torch.long)
    kept = RelationalEdges(none, none, none, (2, 3, 0)).kept()
    x, relations = torch.ones(3, DIM, requires_grad=True), torch.empty(0, DIM, requires_grad=True)
    found, _ = relational_sum(x, relations, kept, 1)
    assert torch.equal(found, torch.zeros(2, DIM))
    found.sum().backward()
    assert torch.equal(x.grad, torch.zeros(3, DIM))


def test_ids_outside_their_range_are_refused(edges):
    source, target, relation = edges
    with pytest.raises(ValueError, match="indices lie in"):
        RelationalEdges(source + NUM_SOURCES, target, relation, (NUM_TARGETS, NUM_SOURCES, NUM_RELATIONS))
    with pytest.raises(ValueError, match="relation"):
        RelationalEdges(source, target, relation + NUM_RELATIONS, (NUM_TARGETS, NUM_SOURCES, NUM_RELATIONS))
