"""AdaLoRA: the ranks that are left, what merging does, and what is held orthogonal."""

import pytest
import torch
from torch import nn

from kgrec.lm.methods.adalora import AdaLoRA
from kgrec.text.transformer import TransformerEncoder

STEPS = 20


class Backbone:
    def __init__(self) -> None:
        self.network = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 4))


class Encoder(TransformerEncoder):
    """Two matrices, the second of which decides what comes out."""

    def __init__(self) -> None:
        self.backbone = Backbone()  # type: ignore[assignment]


def prepared(**settings: object) -> tuple[AdaLoRA, Encoder, nn.Module]:
    torch.manual_seed(0)
    chosen = {"rank": 4, "target_rank": 2, "alpha": 8, "dropout": 0, "phases": (0.1, 0.2), "every": 1}
    method = AdaLoRA(targets=[], orthogonality=0.1, **(chosen | settings))  # type: ignore[arg-type]
    encoder = Encoder()
    method.prepare(encoder)
    return method, encoder, encoder.backbone.network


def singular_values(network: nn.Module) -> list[int]:
    return [int(v.count_nonzero()) for name, v in network.named_parameters() if "lora_E" in name]


def train(method: AdaLoRA, network: nn.Module, steps: int = STEPS) -> list[int]:
    """Number of singular values after each step."""
    optimizer = torch.optim.AdamW([p for p in network.parameters() if p.requires_grad], lr=0.01)
    inputs, targets = torch.randn(32, 6), torch.randn(32, 4)
    left = []
    for step in range(steps):
        optimizer.zero_grad()
        ((network(inputs) - targets).square().mean() + method.penalty()).backward()
        optimizer.step()
        method.after_step(step, steps)
        left.append(sum(singular_values(network)))
    return left


@pytest.mark.parametrize("settings", [{}, {"phases": (0, 0)}, {"every": 3}, {"target_rank": 1}], ids=str)
def test_the_budget_is_kept_to_and_reached(settings: dict[str, object]) -> None:
    method, _, network = prepared(**settings)
    left = train(method, network)
    assert left[-1] == method.target_rank * 2
    if "phases" not in settings:
        assert left[:2] == [8, 8]
        assert len(set(left[15:])) == 1  # the last phase changes nothing
    if not settings:
        assert sorted(left, reverse=True) == left
        assert len(set(left)) > 2


def test_a_last_phase_of_almost_all_steps_does_not_drop_everything() -> None:
    method, _, network = prepared(phases=(0, 0.99))
    assert train(method, network)[-1] == 4


def test_what_matters_less_is_dropped() -> None:
    """A matrix whose output goes nowhere loses its rank to the one that is read."""
    method, _, network = prepared()
    network[2].base_layer.weight.data[:] = 0  # the first matrix is not heard but through the second's change
    train(method, network)
    first, second = singular_values(network)
    assert second > first


def test_merging_keeps_the_outputs() -> None:
    method, encoder, network = prepared()
    train(method, network)
    inputs = torch.randn(5, 6)
    before = network(inputs)
    method.merge(encoder)
    assert torch.allclose(network(inputs), before, atol=1e-5)
    assert [type(layer) for layer in network] == [nn.Linear, nn.Tanh, nn.Linear]
    assert sorted(network.state_dict()) == ["0.bias", "0.weight", "2.bias", "2.weight"]


def test_the_penalty_is_zero_where_the_factors_are_orthogonal() -> None:
    method, _, network = prepared(rank=3)
    assert float(method.penalty().detach()) > 0.1
    for name, weight in network.named_parameters():
        if "lora_A" in name or "lora_B" in name:
            nn.init.orthogonal_(weight.data)
    assert float(method.penalty().detach()) == pytest.approx(0, abs=1e-6)
    network[0].lora_A["default"].data *= 2  # QQ' = 4 I: ‖3 I‖ = 3 √3, the mean over four factors, times γ
    assert float(method.penalty().detach()) == pytest.approx(0.1 * 3 * 3**0.5 / 4)


def test_what_is_stored_goes_on_the_same() -> None:
    """The state that a checkpoint holds is all there is: another object goes on from it."""
    method, _, network = prepared(every=4)
    train(method, network)
    state = {name: value.clone() for name, value in network.state_dict().items()}
    other, _, restored = prepared(every=4)
    restored.load_state_dict(state)
    for tuned, net in ((method, network), (other, restored)):
        torch.manual_seed(1)
        train(tuned, net)
    for name, value in network.state_dict().items():
        assert torch.equal(value, restored.state_dict()[name]), name
