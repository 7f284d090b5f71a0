import torch

from kgrec.nn.fusion.residual import Residual


def test_sides_as_wide_as_the_output_are_added_up_as_they_are(four_items: dict[str, torch.Tensor]) -> None:
    fusion = Residual(1, 1, 1)
    assert not list(fusion.parameters())
    # 2 + 5, then the graph's 3 and the text's 7 alone, then nothing; what is missing is NaN.
    assert fusion(**four_items).squeeze(1).tolist() == [7.0, 3.0, 7.0, 0.0]


def test_only_a_side_of_another_width_gets_a_map() -> None:
    fusion = Residual(2, 3, 2)
    assert {name: tuple(weight.shape) for name, weight in fusion.named_parameters()} == {
        "project_text.weight": (2, 3)
    }
    with torch.no_grad():
        fusion.project_text.weight.copy_(torch.tensor([[1.0, 10.0, 100.0], [0.0, 0.0, 2.0]]))
    structured, text = torch.tensor([[0.5, 0.25]] * 2), torch.tensor([[1.0, 2.0, 3.0]] * 2)
    yes, first = torch.tensor([True, True]), torch.tensor([True, False])
    # 1 + 20 + 300 and 2 · 3 beside (0.5, 0.25); without text these alone: a map has no bias.
    assert fusion(structured, text, first, yes).tolist() == [[321.5, 6.25], [0.5, 0.25]]
    assert fusion(structured, text, yes, first).tolist() == [[321.5, 6.25], [321.0, 6.0]]
