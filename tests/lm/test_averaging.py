"""The running mean of weights; what tuning does with it stands in test_tune.py."""

import pytest
import torch
from torch import nn

from kgrec.errors import InputError
from kgrec.lm.averaging import WeightAverage


def walked(decay: float, steps: int = 5) -> tuple[nn.Linear, WeightAverage, list[torch.Tensor]]:
    """A layer moved by random steps, its mean, and where the weight has been."""
    generator = torch.Generator().manual_seed(0)
    layer = nn.Linear(3, 2)
    average = WeightAverage(list(layer.parameters()), decay)
    path = [layer.weight.detach().clone()]
    for _ in range(steps):
        for weight in layer.parameters():
            weight.data += torch.randn(weight.shape, generator=generator)
        average.update()
        path.append(layer.weight.detach().clone())
    return layer, average, path


def test_the_mean_weighs_by_age_and_begins_at_the_start() -> None:
    _, average, path = walked(0.9)
    expected = path[0]
    for weight in path[1:]:
        expected = 0.9 * expected + 0.1 * weight
    assert torch.allclose(average.mean_0, expected, atol=1e-6)


def test_the_two_are_exchanged_and_back_without_a_trace() -> None:
    layer, average, path = walked(0.9)
    mean = average.mean_0.clone()
    for _ in range(2):  # a second call changes nothing
        average.read_mean()
        assert torch.equal(layer.weight, mean)
        assert torch.equal(average.mean_0, path[-1])
    for _ in range(2):
        average.read_own()
        assert torch.equal(layer.weight, path[-1])
        assert torch.equal(average.mean_0, mean)


def test_a_checkpoint_knows_which_of_them_is_read() -> None:
    layer, average, path = walked(0.9)
    average.read_mean()
    other_layer, other, _ = walked(0.9, steps=0)
    other_layer.load_state_dict(layer.state_dict())
    other.load_state_dict(average.state_dict())
    other.read_own()
    assert torch.equal(other_layer.weight, path[-1])


def test_the_weights_stay_the_models() -> None:
    _, average, _ = walked(0.9)
    assert list(average.parameters()) == []


@pytest.mark.parametrize("decay", [-0.1, 1.0, float("nan")])
def test_a_decay_out_of_range(decay: float) -> None:
    with pytest.raises(InputError, match=r"lm_recommender.averaging: found .*, expected in \[0, 1\)"):
        walked(decay)
