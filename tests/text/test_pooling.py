"""Known answers of the poolings."""

import pytest
import torch

from kgrec.text.pooling import POOLINGS

STATES = torch.tensor([[[1.0, -2.0], [3.0, -4.0], [90.0, 90.0]], [[-5.0, 6.0], [7.0, 8.0], [0.0, 1.0]]])
MASK = torch.tensor([[1, 1, 0], [1, 1, 1]])
EXPECTED = {
    "mean": [[2.0, -3.0], [2 / 3, 5.0]],
    "cls": [[1.0, -2.0], [-5.0, 6.0]],
    "max": [[3.0, -2.0], [7.0, 8.0]],
    "last": [[3.0, -4.0], [0.0, 1.0]],
}


def test_every_pooling_has_a_known_answer() -> None:
    assert EXPECTED.keys() == POOLINGS.keys()


@pytest.mark.parametrize("name", sorted(POOLINGS))
def test_known_answer_with_padding(name: str) -> None:
    torch.testing.assert_close(POOLINGS[name](STATES, MASK), torch.tensor(EXPECTED[name]))


@pytest.mark.parametrize("name", sorted(POOLINGS))
def test_padding_on_the_left_changes_nothing(name: str) -> None:
    states, mask = STATES.clone(), MASK.clone()
    states[0], mask[0] = STATES[0].roll(1, dims=0), MASK[0].roll(1)
    assert mask[0].tolist() == [0, 1, 1]
    torch.testing.assert_close(POOLINGS[name](states, mask), torch.tensor(EXPECTED[name]))


@pytest.mark.parametrize("name", sorted(POOLINGS))
def test_half_precision_is_pooled_in_float32(name: str) -> None:
    assert POOLINGS[name](STATES.bfloat16(), MASK).dtype == torch.float32
