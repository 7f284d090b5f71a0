"""Low-rank changes that hang on features."""

import pytest
import torch
from torch import nn

from kgrec.errors import InputError
from kgrec.nn.conditioned_lora import ConditionedLoRA


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 2))


def changed(rank: int = 3, targets: tuple[str, ...] = ()) -> tuple[nn.Sequential, ConditionedLoRA]:
    base = network()
    return base, ConditionedLoRA(base, 5, targets=targets, rank=rank, alpha=6.0)


def test_training_begins_at_the_network_as_it_was() -> None:
    base, adapters = changed()
    x, g = torch.randn(7, 3, 4), torch.randn(7, 5)
    plain = base(x)
    with adapters.given(g):
        assert torch.equal(base(x), plain)
    assert len(adapters.changes) == 2


def test_the_change_is_the_formula_and_holds_within_given_alone() -> None:
    base, adapters = changed(targets=("2",))
    (change,) = adapters.changes
    for weight in change.parameters():
        nn.init.normal_(weight)
    x, g = torch.randn(7, 3, 4), torch.randn(7, 5)
    plain = base(x)
    hidden = torch.tanh(base[0](x))
    with adapters.given(g):
        found = base(x)
    for row in range(7):
        strength = torch.diag(1 + g[row] @ change.strength)
        delta = 6.0 / 3 * change.down @ strength @ change.up
        assert torch.allclose(found[row], plain[row] + hidden[row] @ delta, atol=1e-5)
    assert torch.equal(base(x), plain)


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(InputError, match="rank=0"):
        changed(rank=0)
    with pytest.raises(InputError, match="no such linear layer"):
        changed(targets=("query",))
