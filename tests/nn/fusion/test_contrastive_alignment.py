import math

import pytest
import torch

from kgrec.errors import InputError
from kgrec.nn.fusion.contrastive_alignment import ContrastiveAlignment
from kgrec.nn.fusion.gate import Gate

SETTINGS = {"initial_bias": 0.3, "weight": 0.5, "temperature": 0.5, "max_items": 100}


def plain(dim: int, **changed: float) -> ContrastiveAlignment:
    """Both projections are the identity."""
    fusion = ContrastiveAlignment(dim, dim, dim, **{**SETTINGS, **changed})
    with torch.no_grad():
        for linear in (fusion.project_structured, fusion.project_text):
            linear.weight.copy_(torch.eye(dim))
    return fusion


def test_it_mixes_as_a_gate_does(four_items: dict[str, torch.Tensor]) -> None:
    fusion, gate = ContrastiveAlignment(1, 1, 1, **SETTINGS), Gate(1, 1, 1, initial_bias=0.3)
    gate.load_state_dict(fusion.state_dict())
    assert torch.equal(fusion(**four_items), gate(**four_items))
    fusion.lean(2.0)
    gate.lean(2.0)
    assert torch.equal(fusion(**four_items), gate(**four_items))


def test_loss_by_hand() -> None:
    """Items 0 and 1 have both sides; 2 has text and 3 a graph alone."""
    nan = float("nan")
    structured = torch.tensor([[3.0, 0.0], [0.0, 1.0], [nan, nan], [1.0, 1.0]])
    text = torch.tensor([[0.1, 0.0], [2.0, 0.0], [1.0, 1.0], [nan, nan]])
    has_text, has_kg = torch.tensor([True, True, True, False]), torch.tensor([True, True, False, True])
    # Cosines of graph × text: [[1, 1], [0, 0]], doubled by the temperature. From graph to text: ln 2 twice;
    # from text to graph: item 0 has 2 against 0, item 1 has 0 against 2.
    to_text = math.log(2)
    to_graph = (math.log(1 + math.exp(-2)) + math.log(1 + math.exp(2))) / 2
    loss = plain(2).auxiliary_loss(structured, text, has_text, has_kg)
    torch.testing.assert_close(loss, torch.tensor((to_text + to_graph) / 2))


def test_steps_on_the_loss_draw_the_sides_of_an_item_together() -> None:
    torch.manual_seed(0)
    structured, text = torch.randn(6, 3), torch.randn(6, 4)
    yes = torch.ones(6, dtype=torch.bool)
    fusion = ContrastiveAlignment(3, 4, 8, **SETTINGS)
    optimizer = torch.optim.Adam(fusion.parameters(), lr=0.05)
    losses = []
    for _ in range(50):
        optimizer.zero_grad()
        loss = fusion.auxiliary_loss(structured, text, yes, yes)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_it_reaches_both_sides_and_not_the_gate() -> None:
    structured, text = torch.randn(3, 2).requires_grad_(), torch.randn(3, 2).requires_grad_()
    has_text, has_kg = torch.tensor([True, True, True]), torch.tensor([True, True, False])
    fusion = plain(2)
    fusion.auxiliary_loss(structured, text, has_text, has_kg).backward()
    for side, linear in ((structured, fusion.project_structured), (text, fusion.project_text)):
        assert side.grad[:2].any(dim=1).all()
        assert not side.grad[2].any()
        assert linear.weight.grad.any()
    assert fusion.gate.weight.grad is None


def test_of_many_items_some_are_drawn() -> None:
    torch.manual_seed(0)
    structured, text = torch.randn(20, 2), torch.randn(20, 2)
    yes = torch.ones(20, dtype=torch.bool)
    all_pairs = plain(2).auxiliary_loss(structured, text, yes, yes)
    few = [plain(2, max_items=2).auxiliary_loss(structured, text, yes, yes).item() for _ in range(10)]
    assert len(set(few)) > 1
    assert max(few) < all_pairs.item()  # one other item is easier to tell apart than nineteen
    assert plain(2, max_items=20).auxiliary_loss(structured, text, yes, yes).item() == all_pairs.item()


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("weight", -0.1, "fusion.weight: found -0.1, expected at least 0"),
        ("temperature", 0.0, "temperature"),
        ("max_items", 1, "fusion.max_items: found 1, expected at least 2"),
    ],
)
def test_settings_out_of_range_are_refused(setting: str, value: float, message: str) -> None:
    with pytest.raises(InputError, match=message):
        plain(2, **{setting: value})
