"""What is left out: rates, order, seeds, settings."""

import pytest
import torch

from kgrec.errors import InputError
from kgrec.nn.dropout import GraphDropout, drop_positions, message_dropout

CPU = torch.device("cpu")


@pytest.mark.parametrize("probability", [0.01, 0.1, 0.5, 0.9])
def test_positions_are_a_bernoulli_draw(probability):
    torch.manual_seed(0)
    size = 200_000
    positions = drop_positions(size, probability, CPU)
    assert (positions.diff() > 0).all()
    assert positions[0] >= 0
    assert positions[-1] < size
    spread = (size * probability * (1 - probability)) ** 0.5
    assert abs(len(positions) - size * probability) < 5 * spread
    both = torch.isin(positions + 1, positions).float().mean().item()
    assert both == pytest.approx(probability, abs=0.02)  # neighbours are independent
    assert abs((positions < size // 2).sum() - size * probability / 2) < 5 * spread


def test_positions_follow_torchs_seed():
    draws = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        draws.append(drop_positions(1000, 0.3, CPU).tolist())
    assert draws[0] == draws[1] != draws[2]


def test_few_and_no_positions():
    torch.manual_seed(0)
    assert drop_positions(0, 0.5, CPU).tolist() == []
    counts = [len(drop_positions(1, 0.5, CPU)) for _ in range(200)]
    assert 60 < sum(counts) < 140


def test_nothing_is_drawn_where_nothing_is_left_out():
    nothing = GraphDropout(edges=0.0, messages=0.0)
    state = torch.get_rng_state()
    assert nothing.kept_edges(5, CPU) is None
    assert nothing.dropped_messages(torch.ones(2, 3)) is None
    assert torch.equal(torch.get_rng_state(), state)


def test_edges_are_kept_at_the_rate():
    torch.manual_seed(0)
    kept = GraphDropout(edges=0.7, messages=0.1).kept_edges(100_000, CPU)
    assert kept.float().mean().item() == pytest.approx(0.3, abs=0.01)


@pytest.mark.parametrize(("interactions", "share"), [(None, 0.3), (0.1, 0.9)])
def test_interactions_are_kept_at_their_own_rate_or_that_of_edges(interactions, share):
    torch.manual_seed(0)
    dropout = GraphDropout(edges=0.7, messages=0.1, interactions=interactions)
    assert dropout.kept_interactions(100_000, CPU).float().mean().item() == pytest.approx(share, abs=0.01)
    assert GraphDropout(edges=0.7, messages=0.1, interactions=0.0).kept_interactions(5, CPU) is None


@pytest.mark.parametrize("name", ["edges", "messages", "interactions"])
@pytest.mark.parametrize("value", [-0.1, 1.0])
def test_bad_rates_are_refused(name, value):
    with pytest.raises(InputError, match=rf"model\.dropout\.{name}: found {value}"):
        GraphDropout(**({"edges": 0.0, "messages": 0.0} | {name: value}))


def test_message_dropout_keeps_the_mean_and_its_gradient():
    torch.manual_seed(0)
    x = torch.ones(500, 40, requires_grad=True)
    found = message_dropout(x, 0.2)
    assert set(found.unique().tolist()) == {0.0, 1.25}
    assert found.mean().item() == pytest.approx(1, abs=0.02)
    found.sum().backward()
    assert torch.equal(x.grad, found)
    assert message_dropout(x, 0.0) is x
