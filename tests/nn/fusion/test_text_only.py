import torch

from kgrec.nn.fusion.text_only import TextOnly


def test_by_hand(four_items: dict[str, torch.Tensor]) -> None:
    fusion = TextOnly(1, 1, 1)
    with torch.no_grad():
        fusion.project.weight.fill_(100.0)
        fusion.project.bias.fill_(2.0)
    assert fusion(**four_items).squeeze(1).tolist() == [502.0, 0.0, 702.0, 0.0]
