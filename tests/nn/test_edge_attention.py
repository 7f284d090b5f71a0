"""Attention over edges, edge by edge."""

import torch

from kgrec.nn.csr import SparseStructure
from kgrec.nn.edge_attention import edge_scores, edge_softmax

ROWS, COLUMNS = torch.tensor([1, 0, 1, 1, 3]), torch.tensor([0, 2, 2, 2, 1])


def test_scores_are_inner_products_and_have_their_gradient():
    structure = SparseStructure.build(ROWS, COLUMNS, (4, 3))
    rows = torch.randn(4, 5, requires_grad=True)
    columns = torch.randn(3, 5, requires_grad=True)
    found = edge_scores(structure, rows, columns)
    expected = (rows[ROWS] * columns[COLUMNS]).sum(1)
    assert torch.allclose(found, expected, atol=1e-6)
    weight = torch.randn(5)
    got = torch.autograd.grad((found * weight).sum(), (rows, columns))
    want = torch.autograd.grad((expected * weight).sum(), (rows, columns))
    assert all(torch.allclose(one, other, atol=1e-6) for one, other in zip(got, want, strict=True))


def test_softmax_is_over_the_edges_of_a_node_that_are_there():
    target = torch.tensor([0, 1, 0, 0, 2])
    edges = SparseStructure.build(target, torch.arange(5), (4, 5))
    scores = torch.tensor([0.0, 5.0, 1.0, 9.0, 200.0], requires_grad=True)
    weights = torch.tensor([1.0, 1.0, 1.0, 0.0, 0.0])
    found = edge_softmax(scores, edges, target, weights)
    pair = torch.softmax(scores[[0, 2]], 0)
    expected = torch.stack([pair[0], torch.tensor(1.0), pair[1], torch.tensor(0.0), torch.tensor(0.0)])
    assert torch.allclose(found, expected)
    found[0].backward()
    slope = (pair[0] * pair[1]).item()
    assert torch.allclose(scores.grad, torch.tensor([slope, 0.0, -slope, 0.0, 0.0]), atol=1e-6)
