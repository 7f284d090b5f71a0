import pytest
import torch

from kgrec.errors import InputError
from kgrec.nn.fusion.gate import Gate
from kgrec.nn.fusion.masked_reconstruction import MaskedReconstruction

SETTINGS = {"initial_bias": 0.3, "weight": 0.5, "graph_share": 0.5, "exponent": 2.0}
YES = torch.tensor([True, True])


def plain(**changed: float) -> MaskedReconstruction:
    """Two dimensions; projections and decoders are the identity."""
    fusion = MaskedReconstruction(2, 2, 2, **{**SETTINGS, **changed})
    with torch.no_grad():
        for name in ("project_structured", "project_text", "decode_structured", "decode_text"):
            linear = getattr(fusion, name)
            linear.weight.copy_(torch.eye(2))
            linear.bias.zero_()
    return fusion


def test_it_mixes_as_a_gate_does(four_items: dict[str, torch.Tensor]) -> None:
    fusion, gate = MaskedReconstruction(1, 1, 1, **SETTINGS), Gate(1, 1, 1, initial_bias=0.3)
    gate.load_state_dict(fusion.state_dict(), strict=False)
    assert torch.equal(fusion(**four_items), gate(**four_items))
    fusion.lean(2.0)
    gate.lean(2.0)
    assert torch.equal(fusion(**four_items), gate(**four_items))


@pytest.mark.parametrize(
    ("share", "decoder"), [(1.0, [[0.0, 1.0], [1.0, 0.0]]), (0.0, [[1.0, 0.0], [0.0, 1.0]])]
)
def test_loss_by_hand(share: float, decoder: list[list[float]]) -> None:
    """Always the same side is hidden; rows 2 and 3 lack one and do not count."""
    nan = float("nan")
    structured = torch.tensor([[1.0, 0.0], [4.0, 3.0], [nan, nan], [1.0, 1.0]])
    text = torch.tensor([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0], [nan, nan]])
    has_text, has_kg = torch.tensor([True, True, True, False]), torch.tensor([True, True, False, True])
    fusion = plain(graph_share=share)
    with torch.no_grad():
        fusion.decode_structured.weight.copy_(torch.tensor(decoder))
    # With the graph hidden the decoder turns text (1, 0) into (0, 1), cosine 0 to (1, 0), and (0, 2) into
    # (2, 0), cosine .8 to (4, 3). With the text hidden (1, 0) is right, and (4, 3) has cosine .6 to (0, 2).
    expected = (1.0**2 + 0.2**2) / 2 if share else (0.0**2 + 0.4**2) / 2
    loss = fusion.auxiliary_loss(structured, text, has_text, has_kg)
    torch.testing.assert_close(loss, torch.tensor(expected))


def test_exponent_1_is_the_cosine_error() -> None:
    structured, text = torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.tensor([[0.0, 1.0], [-1.0, 0.0]])
    loss = plain(exponent=1.0).auxiliary_loss(structured, text, YES, YES)
    torch.testing.assert_close(loss, torch.tensor((1.0 + 2.0) / 2))  # whichever side of each is hidden


@pytest.mark.parametrize(
    ("share", "hidden", "shown"), [(1.0, "structured", "text"), (0.0, "text", "structured")]
)
def test_the_hidden_side_is_a_target_and_the_other_learns(share: float, hidden: str, shown: str) -> None:
    torch.manual_seed(0)
    sides = {name: torch.randn(2, 2).requires_grad_() for name in ("structured", "text")}
    fusion = plain(graph_share=share)
    fusion.auxiliary_loss(sides["structured"], sides["text"], YES, YES).backward()
    assert sides[hidden].grad is None or not sides[hidden].grad.any()
    assert sides[shown].grad.any(dim=1).all()
    assert getattr(fusion, f"project_{shown}").weight.grad.any()
    assert getattr(fusion, f"decode_{hidden}").weight.grad.any()
    assert not getattr(fusion, f"decode_{shown}").weight.grad.any()
    assert not fusion.gate.weight.grad.any()


def test_both_sides_are_hidden_in_turn() -> None:
    torch.manual_seed(0)
    structured, text = torch.randn(200, 2), torch.randn(200, 2)
    yes = torch.ones(200, dtype=torch.bool)
    mixed = plain().auxiliary_loss(structured, text, yes, yes).item()
    graph, words = (
        plain(graph_share=s).auxiliary_loss(structured, text, yes, yes).item() for s in (1.0, 0.0)
    )
    assert graph == pytest.approx(words)  # the error of identical maps is symmetric
    assert mixed == pytest.approx(graph)
    fusion = plain()
    fusion.auxiliary_loss(structured, text, yes, yes).backward()
    assert fusion.decode_structured.weight.grad.any()
    assert fusion.decode_text.weight.grad.any()


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("weight", -0.1, "fusion.weight: found -0.1, expected at least 0"),
        ("graph_share", 1.5, r"fusion.graph_share: found 1.5, expected a share in \[0, 1\]"),
        ("exponent", 0.5, "fusion.exponent: found 0.5, expected at least 1"),
    ],
)
def test_settings_out_of_range_are_refused(setting: str, value: float, message: str) -> None:
    with pytest.raises(InputError, match=message):
        plain(**{setting: value})
