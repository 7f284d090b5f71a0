import pytest
import torch

from kgrec.nn import log_partition as module
from kgrec.nn.log_partition import log_partition


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Blocks of two users, and none so few that their scores are kept."""
    monkeypatch.setattr(module, "CACHED_SCORES", 10)
    monkeypatch.setattr(module, "FEW_SCORES", 0)


def rows(count, dtype=torch.float64):
    return torch.randn(count, 3, dtype=dtype, requires_grad=True)


def test_it_is_the_log_of_the_sum_over_all_items():
    users, items = rows(7), rows(5)
    expected = (users @ items.T).exp().sum(dim=1).log()
    torch.testing.assert_close(log_partition(users, items), expected)


@pytest.mark.parametrize("held", ["neither", "users", "items"])
def test_gradients_are_those_of_torch(held):
    users, items = rows(7), rows(5)
    users.requires_grad_(held != "users")
    items.requires_grad_(held != "items")
    assert torch.autograd.gradcheck(log_partition, (users, items))


def test_large_scores_do_not_overflow():
    users, items = 1000 * torch.ones(3, 2), torch.tensor([[1.0, 0.0], [0.0, 0.5]])
    torch.testing.assert_close(log_partition(users, items), torch.full((3,), 1000.0))


def test_of_no_items_it_is_minus_infinity():
    assert log_partition(rows(2), rows(0)).tolist() == [-torch.inf] * 2


def test_half_precision_is_summed_in_single():
    users, items = rows(4, torch.bfloat16), rows(300, torch.bfloat16)
    found = log_partition(users, items)
    found.sum().backward()
    assert found.dtype == torch.float32
    assert users.grad.dtype == items.grad.dtype == torch.bfloat16
    torch.testing.assert_close(found, torch.logsumexp((users @ items.T).float(), dim=1))


def test_autocast_products_are_summed_in_single():
    users, items = rows(4, torch.float32), rows(300, torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = log_partition(users, items)
    found.sum().backward()
    expected = torch.logsumexp(users @ items.T, dim=1)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected, atol=0.05, rtol=0.0)
    slope = torch.autograd.grad(expected.sum(), items)[0]
    torch.testing.assert_close(items.grad, slope, atol=0.05, rtol=0.05)


def test_where_scores_are_few_they_are_kept(monkeypatch):
    monkeypatch.setattr(module, "FEW_SCORES", 35)
    users, items = rows(7), rows(5)
    assert "LogPartition" not in type(log_partition(users, items).grad_fn).__name__
    items.requires_grad_(False)
    assert "LogPartition" in type(log_partition(users, items).grad_fn).__name__
