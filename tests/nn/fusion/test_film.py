import torch

from kgrec.nn.fusion.film import FiLM


def test_scales_and_shifts_the_text(four_items: dict[str, torch.Tensor]) -> None:
    fusion = FiLM(1, 1, 1)
    with torch.no_grad():
        fusion.project_text.weight.fill_(10.0)
        fusion.project_text.bias.fill_(1.0)
        fusion.scale.weight.fill_(2.0)
        fusion.shift.weight.fill_(100.0)
        fusion.shift.bias.fill_(7.0)
    s, t = four_items["structured"].flatten(), four_items["text"].flatten()
    both = (1 + 2 * s[0]) * (10 * t[0] + 1) + 100 * s[0] + 7
    expected = torch.stack([both, 100 * s[1] + 7, 10 * t[2] + 1, torch.tensor(0.0)])
    torch.testing.assert_close(fusion(**four_items).squeeze(1), expected)


def test_begins_as_a_sum(four_items: dict[str, torch.Tensor]) -> None:
    fusion = FiLM(1, 1, 1)
    s, t = four_items["structured"][:1], four_items["text"][:1]
    out = fusion(**{name: rows[:1] for name, rows in four_items.items()})
    torch.testing.assert_close(out, fusion.project_text(t) + fusion.shift(s))
