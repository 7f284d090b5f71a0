import torch

from kgrec.nn.fusion.softmax_gate import SoftmaxGate


def test_shares_of_the_dimensions_add_up_to_one(four_items: dict[str, torch.Tensor]) -> None:
    fusion = SoftmaxGate(1, 1, 2)
    with torch.no_grad():
        fusion.project_structured.weight.copy_(torch.tensor([[1.0], [2.0]]))
        fusion.project_text.weight.zero_()
        fusion.gate.weight.zero_()
        fusion.gate.bias.copy_(torch.tensor([0.0, 3.0]).log1p())  # softmax: 1/5, 4/5
    s = four_items["structured"].flatten()
    out = fusion(**four_items)
    expected = [[s[0] / 5, 2 * s[0] * 4 / 5], [s[1], 2 * s[1]], [0.0, 0.0], [0.0, 0.0]]
    torch.testing.assert_close(out, torch.tensor(expected))
