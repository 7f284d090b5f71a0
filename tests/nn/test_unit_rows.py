"""Rows of length 1: against torch's own normalisation."""

import torch
import torch.nn.functional as F

from kgrec.nn.unit_rows import unit_rows_


def test_it_is_the_normalisation_of_what_is_left():
    x = torch.randn(5, 4, generator=torch.Generator().manual_seed(0)).requires_grad_()
    dropped = torch.tensor([0, 6, 7, 19])
    keep = torch.ones(5 * 4).index_fill(0, dropped, 0.0).view(5, 4)
    weight = torch.randn(5, 4)
    for found, expected in (
        (unit_rows_(x * 1), F.normalize(x)),
        (unit_rows_(x * 1, dropped), F.normalize(x * keep)),
    ):
        assert torch.allclose(found, expected, atol=1e-6)
        (got,) = torch.autograd.grad((found * weight).sum(), x)
        (want,) = torch.autograd.grad((expected * weight).sum(), x)
        assert torch.allclose(got, want, atol=1e-6)


def test_a_row_of_zeros_stays_and_passes_no_gradient():
    x = torch.tensor([[0.0, 0.0], [3.0, 4.0]], requires_grad=True)
    found = unit_rows_(x * 1)
    assert torch.allclose(found, torch.tensor([[0.0, 0.0], [0.6, 0.8]]))
    found.sum().backward()
    assert x.grad[0].tolist() == [0.0, 0.0]
    assert x.grad.isfinite().all()
