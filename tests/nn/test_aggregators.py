import pytest
import torch

from kgrec.nn.aggregators import Aggregator, Concat, Neighbor, Sum

OWN, MIXED = torch.tensor([[1.0, 2.0]]), torch.tensor([[10.0, 20.0]])


def with_weight(aggregator: Aggregator, weight: list[list[float]]) -> Aggregator:
    aggregator.linear.weight.data = torch.tensor(weight)
    aggregator.linear.bias.data = torch.tensor([0.5, 0.0])
    return aggregator


def test_by_hand() -> None:
    swap = [[0.0, 1.0], [1.0, 0.0]]
    assert with_weight(Sum(2), swap)(OWN, MIXED).tolist() == [[22.5, 11.0]]
    assert with_weight(Neighbor(2), swap)(OWN, MIXED).tolist() == [[20.5, 10.0]]
    first_and_last = [[1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]]
    assert with_weight(Concat(2), first_and_last)(OWN, MIXED).tolist() == [[1.5, 20.0]]


@pytest.mark.parametrize("kind", [Sum, Concat, Neighbor])
def test_the_mixture_may_be_taken_after_the_product(kind: type[Aggregator]) -> None:
    torch.manual_seed(0)
    aggregator = kind(3)
    own, near, weights = torch.randn(4, 3), torch.randn(4, 5, 3), torch.rand(4, 5).softmax(1)
    torch.nn.init.normal_(aggregator.linear.bias)
    mixed = (weights.unsqueeze(2) * near).sum(1)
    later = aggregator.own_part(own) + (weights.unsqueeze(2) * aggregator.neighbour_part(near)).sum(1)
    torch.testing.assert_close(later, aggregator(own, mixed))
