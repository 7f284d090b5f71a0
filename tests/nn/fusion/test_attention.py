import math

import torch

from kgrec.nn.fusion.attention import Attention


def test_by_hand(four_items: dict[str, torch.Tensor], set_projections) -> None:
    fusion = Attention(1, 1, 1)
    set_projections(fusion)
    with torch.no_grad():
        # tanh(W m + b): m = 21 → tanh(0) = 0; m = 502 → tanh(48.1) = 1. Claims 0 and ln 3.
        fusion.key.weight.fill_(0.1)
        fusion.key.bias.fill_(-2.1)
        fusion.query.fill_(math.log(3))
    out = fusion(**four_items).squeeze(1)
    # Weights 1/4, 3/4: 21/4 + 3 · 502/4 = 381.75; then each side alone, then nothing.
    torch.testing.assert_close(out, torch.tensor([381.75, 31.0, 702.0, 0.0]))
