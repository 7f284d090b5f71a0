"""Four items: both sides, graph only, text only, neither. One dimension, so that numbers can be read."""

import pytest
import torch


@pytest.fixture
def four_items() -> dict[str, torch.Tensor]:
    nan = float("nan")  # a missing row must never be looked at
    return {
        "structured": torch.tensor([[2.0], [3.0], [nan], [nan]]),
        "text": torch.tensor([[5.0], [nan], [7.0], [nan]]),
        "has_text": torch.tensor([True, False, True, False]),
        "has_kg": torch.tensor([True, True, False, False]),
    }


@pytest.fixture
def set_projections():
    """Structured side s' = 10 s + 1, text side t' = 100 t + 2."""

    def set_on(fusion: torch.nn.Module) -> None:
        with torch.no_grad():
            fusion.project_structured.weight.fill_(10.0)
            fusion.project_structured.bias.fill_(1.0)
            fusion.project_text.weight.fill_(100.0)
            fusion.project_text.bias.fill_(2.0)

    return set_on
