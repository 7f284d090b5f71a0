import torch

from kgrec.nn.fusion.concat import Concat


def test_by_hand(four_items: dict[str, torch.Tensor]) -> None:
    fusion = Concat(1, 1, 1)
    with torch.no_grad():
        fusion.linear.weight.copy_(torch.tensor([[10.0, 100.0, 1000.0, 10000.0]]))
        fusion.linear.bias.fill_(0.5)
    # 10 s + 100 t + 1000 h_kg + 10000 h_text + 0.5
    expected = [20 + 500 + 1000 + 10000 + 0.5, 30 + 1000 + 0.5, 700 + 10000 + 0.5, 0.5]
    assert fusion(**four_items).squeeze(1).tolist() == expected
