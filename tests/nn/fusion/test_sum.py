import torch

from kgrec.nn.fusion.sum import Sum


def test_by_hand(four_items: dict[str, torch.Tensor], set_projections) -> None:
    fusion = Sum(1, 1, 1)
    set_projections(fusion)
    # s' = 21, 31; t' = 502, 702. The missing side's bias is left out, too.
    assert fusion(**four_items).squeeze(1).tolist() == [523.0, 31.0, 702.0, 0.0]
