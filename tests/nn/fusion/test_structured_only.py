import torch

from kgrec.nn.fusion.structured_only import StructuredOnly


def test_by_hand(four_items: dict[str, torch.Tensor]) -> None:
    fusion = StructuredOnly(1, 1, 1)
    with torch.no_grad():
        fusion.project.weight.fill_(10.0)
        fusion.project.bias.fill_(1.0)
    assert fusion(**four_items).squeeze(1).tolist() == [21.0, 31.0, 0.0, 0.0]
