import pytest
import torch

from kgrec.nn.standardize import Standardize


def test_by_hand() -> None:
    # Columns 1, 3 and 0, 4: means 2 and 2, deviations √2 and √8; two columns, so both are divided by √2 more.
    rows = torch.tensor([[1.0, 0.0], [3.0, 4.0]])
    torch.testing.assert_close(Standardize(rows)(rows), torch.tensor([[-0.5, -0.5], [0.5, 0.5]]))


def test_columns_have_mean_0_and_rows_an_expected_length_of_1() -> None:
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(200, 7, generator=generator) * torch.logspace(-2, 3, 7) + 5
    scaled = Standardize(rows)(rows)
    torch.testing.assert_close(scaled.mean(dim=0), torch.zeros(7), atol=1e-4, rtol=0)
    assert scaled.square().sum().item() / 199 == pytest.approx(1.0, rel=1e-4)


def test_new_rows_are_measured_by_the_old_ones() -> None:
    scaler = Standardize(torch.tensor([[1.0, 0.0], [3.0, 4.0]]))
    assert scaler(torch.tensor([[2.0, 2.0]])).tolist() == [[0.0, 0.0]]
    assert scaler(torch.tensor([[6.0, 2.0]])).squeeze(0).tolist() == pytest.approx([2.0, 0.0])


def test_a_constant_column_is_centred_only() -> None:
    scaler = Standardize(torch.tensor([[5.0, 0.0], [5.0, 4.0]]))
    assert scaler(torch.tensor([[5.0, 2.0], [6.0, 2.0]]))[:, 0].tolist() == pytest.approx([0.0, 0.5**0.5])


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_rows_for_statistics_leave_values_as_they_are_but_for_the_width(count: int) -> None:
    x = torch.tensor([[2.0, 4.0, 6.0, 8.0]])
    assert Standardize(torch.ones(count, 4))(x).tolist() == [[1.0, 2.0, 3.0, 4.0]]


def test_statistics_travel_with_the_weights() -> None:
    rows = torch.tensor([[1.0, 0.0], [3.0, 4.0]])
    other = Standardize(torch.randn(5, 2, generator=torch.Generator().manual_seed(0)))
    other.load_state_dict(Standardize(rows).state_dict())
    assert torch.equal(other(rows), Standardize(rows)(rows))
