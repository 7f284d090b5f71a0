import math

import torch

from kgrec.nn.fusion.gate import Gate


def test_begins_at_the_prior(four_items: dict[str, torch.Tensor], set_projections) -> None:
    fusion = Gate(1, 1, 1, initial_bias=math.log(3))  # g = 3/4
    set_projections(fusion)
    out = fusion(**four_items).squeeze(1)
    # s' = 21, 31; t' = 502, 702: 3/4 · 21 + 1/4 · 502 = 141.25, then each side alone, then nothing.
    torch.testing.assert_close(out, torch.tensor([141.25, 31.0, 702.0, 0.0]))


def test_gate_reads_both_sides(four_items: dict[str, torch.Tensor], set_projections) -> None:
    fusion = Gate(1, 1, 1, initial_bias=math.log(3))
    set_projections(fusion)
    with torch.no_grad():
        # 2 · (-1) + 5 · 0.2 = -1, + 1 + ln 3 = ln 3 again; each weight alone would move the gate.
        fusion.gate.weight.copy_(torch.tensor([[-1.0, 0.2]]))
        fusion.gate.bias.fill_(1.0)
    out = fusion(**four_items).squeeze(1)
    torch.testing.assert_close(out, torch.tensor([141.25, 31.0, 702.0, 0.0]))


def test_gate_is_per_dimension() -> None:
    fusion = Gate(1, 1, 2, initial_bias=0.0)
    with torch.no_grad():
        fusion.gate.bias.copy_(torch.tensor([50.0, -50.0]))
    yes = torch.tensor([True])
    s, t = torch.tensor([[1.0]]), torch.tensor([[1.0]])
    out = fusion(s, t, yes, yes)
    expected = torch.stack([fusion.project_structured(s)[0, 0], fusion.project_text(t)[0, 1]])
    torch.testing.assert_close(out[0], expected)


def test_the_share_is_the_mean_of_the_gate() -> None:
    gate = Gate(2, 3, 4, initial_bias=1.0)
    both = torch.ones(2, dtype=torch.bool)
    for log_odds in (1.0, -2.0):
        gate.lean(log_odds)
        share = gate.structured_share(torch.randn(2, 2), torch.randn(2, 3), both, both)
        torch.testing.assert_close(share, torch.full((2,), log_odds).sigmoid())
