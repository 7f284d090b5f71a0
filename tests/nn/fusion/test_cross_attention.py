import math
from dataclasses import replace

import pytest
import torch

from kgrec.errors import InputError
from kgrec.nn.fusion.base import TokenContext
from kgrec.nn.fusion.cross_attention import CrossAttention
from kgrec.nn.fusion.gate import Gate

SETTINGS = {"initial_bias": 50.0, "num_heads": 1, "own_bias": 0.0, "max_neighbours": 4, "max_tokens": 4}
YES = torch.tensor([True])


def plain(dim: int, **changed: float) -> CrossAttention:
    """All maps are the identity; unless changed, the gate shows what was attended alone."""
    fusion = CrossAttention(dim, dim, dim, **{**SETTINGS, **changed})
    with torch.no_grad():
        maps = (fusion.project_structured, fusion.query, fusion.key, fusion.value)
        for linear in (*maps, fusion.gate.project_structured, fusion.gate.project_text):
            linear.weight.copy_(torch.eye(dim))
    return fusion


def context_of(n: int, dim: int, tokens: int = 3, neighbours: int = 5) -> TokenContext:
    generator = torch.Generator().manual_seed(3)
    return TokenContext(
        torch.randn(n, tokens, dim, generator=generator),
        torch.rand(n, tokens, generator=generator) < 0.7,
        torch.randn(n, neighbours, dim, generator=generator),
        torch.rand(n, neighbours, generator=generator) < 0.7,
    )


def attentive(**changed: float) -> CrossAttention:
    """Maps at random, keys too, which begin at zero."""
    torch.manual_seed(0)
    fusion = CrossAttention(8, 8, 8, **{**SETTINGS, "initial_bias": 0.0, **changed})
    torch.nn.init.normal_(fusion.key.weight)
    return fusion


def test_each_token_looks_for_its_neighbour() -> None:
    """One dimension: tokens ln 2 and -ln 2 look at n_0 = 0 and the neighbours 1 and 2."""
    nan = float("nan")
    two = math.log(2)
    context = TokenContext(
        tokens=torch.tensor([[[two], [-two], [nan]]]),
        token_mask=torch.tensor([[True, True, False]]),
        neighbours=torch.tensor([[[1.0], [nan], [2.0]]]),
        neighbour_mask=torch.tensor([[True, False, True]]),
    )
    # Weights 1 : 2 : 4 of the values 0, 1, 2 give 10/7; 1 : 1/2 : 1/4 give 4/7. Their mean is 1.
    out = plain(1)(torch.zeros(1, 1), torch.tensor([[9.0]]), YES, YES, context)
    torch.testing.assert_close(out, torch.tensor([[1.0]]))
    # With own_bias ln 3 the own features weigh three times as much: 3 : 2 : 4 and 3 : 1/2 : 1/4.
    out = plain(1, own_bias=math.log(3))(torch.zeros(1, 1), torch.tensor([[9.0]]), YES, YES, context)
    torch.testing.assert_close(out, torch.tensor([[(10 / 9 + 1 / 3.75) / 2]]))


def test_it_begins_as_a_mean_whatever_the_tokens(four_items: dict[str, torch.Tensor]) -> None:
    fusion = CrossAttention(1, 1, 1, **SETTINGS)
    context = TokenContext(
        torch.tensor([[[3.0], [-8.0]]]), YES.expand(1, 2), torch.tensor([[[1.0], [5.0]]]), YES.expand(1, 2)
    )
    first = {name: rows[:1] for name, rows in four_items.items()}
    own = fusion.project_structured(first["structured"])
    mean = fusion.value((own + 6.0) / 3)
    torch.testing.assert_close(fusion(**first, context=context), fusion.gate.project_structured(mean))


def test_heads_look_for_themselves() -> None:
    """Two heads of one dimension: the first is drawn to the neighbour that has more of its own."""
    context = TokenContext(
        torch.tensor([[[math.log(3), 0.0]]]), YES[None], torch.tensor([[[1.0, 8.0]]]), YES[None]
    )
    sides = torch.zeros(1, 2), torch.ones(1, 2)
    # First head: weights 1 : 3, so 3/4 of the neighbour's 1; second head: even, so half of its 8.
    out = plain(2, num_heads=2)(*sides, YES, YES, context)
    torch.testing.assert_close(out, torch.tensor([[0.75, 4.0]]))
    # A single head scales by √2 and shares its weights.
    weight = torch.sigmoid(torch.tensor(math.log(3) / math.sqrt(2)))
    torch.testing.assert_close(plain(2)(*sides, YES, YES, context), weight * torch.tensor([[1.0, 8.0]]))


def test_missing_sides(four_items: dict[str, torch.Tensor]) -> None:
    """A learned query asks where there is no text; without a graph the text is left."""
    nan = float("nan")
    neighbours = torch.tensor([[[4.0]], [[4.0]], [[nan]], [[nan]]])
    every = torch.ones(4, 1, dtype=torch.bool)
    tokens = torch.tensor([[[0.0]], [[nan]], [[7.0]], [[nan]]])
    fusion = plain(1, initial_bias=0.0)
    with torch.no_grad():
        fusion.query_without_text.fill_(math.log(3))
    out = fusion(**four_items, context=TokenContext(tokens, every, neighbours, every)).squeeze(1)
    # Item 0 asks with 0: (2 + 4)/2 = 3, gated evenly with its text 5. Item 1 weighs 3 and 4 by 3³ : 3⁴.
    torch.testing.assert_close(out, torch.tensor([4.0, (3.0 * 1 + 4.0 * 3) / 4, 7.0, 0.0]))


def test_without_a_context_it_is_a_gate(four_items: dict[str, torch.Tensor]) -> None:
    fusion, gate = plain(1, initial_bias=0.3), Gate(1, 1, 1, initial_bias=0.3)
    gate.load_state_dict(fusion.gate.state_dict())
    torch.testing.assert_close(fusion(**four_items), gate(**four_items))
    fusion.lean(-2.0)
    gate.lean(-2.0)
    torch.testing.assert_close(fusion(**four_items), gate(**four_items))


def test_a_row_depends_on_itself_and_not_on_padding() -> None:
    fusion = attentive(num_heads=2)
    structured, text, context = torch.randn(6, 8), torch.randn(6, 8), context_of(6, 8)
    has_text, has_kg = torch.arange(6) % 2 == 0, torch.arange(6) % 3 == 0
    together = fusion(structured, text, has_text, has_kg, context)
    parts = (context.tokens, context.token_mask, context.neighbours, context.neighbour_mask)
    for i in range(6):
        row = slice(i, i + 1)
        own = TokenContext(*(part[row] for part in parts))
        alone = fusion(structured[row], text[row], has_text[row], has_kg[row], own)
        torch.testing.assert_close(alone, together[row])
    wider = TokenContext(
        torch.cat([context.tokens, torch.full((6, 2, 8), torch.nan)], dim=1),
        torch.cat([context.token_mask, torch.zeros(6, 2, dtype=torch.bool)], dim=1),
        torch.cat([torch.full((6, 1, 8), torch.nan), context.neighbours], dim=1),
        torch.cat([torch.zeros(6, 1, dtype=torch.bool), context.neighbour_mask], dim=1),
    )
    torch.testing.assert_close(fusion(structured, text, has_text, has_kg, wider), together)


def test_gradients_reach_what_is_there_and_nothing_else() -> None:
    fusion = attentive()
    has_text, has_kg = torch.tensor([True, True, False, False]), torch.tensor([True, False, True, False])
    context = context_of(4, 8)
    context.tokens[~context.token_mask] = torch.nan
    context.neighbours[~context.neighbour_mask] = torch.nan
    context.tokens.requires_grad_()
    context.neighbours.requires_grad_()
    fusion(torch.randn(4, 8), torch.randn(4, 8), has_text, has_kg, context).pow(2).sum().backward()
    asked, looked_at = (
        context.token_mask & (has_text & has_kg)[:, None],
        context.neighbour_mask & has_kg[:, None],
    )
    assert torch.equal(context.tokens.grad.any(dim=2), asked)
    assert torch.equal(context.neighbours.grad.any(dim=2), looked_at)
    for name, weight in fusion.named_parameters():
        assert weight.grad.isfinite().all(), name
        assert weight.grad.any(), name


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"tokens": torch.zeros(1, 3, 9)}, "tokens is"),
        ({"token_mask": torch.ones(2, 3, dtype=torch.bool)}, "token_mask is"),
        ({"neighbours": torch.zeros(1, 5, 9)}, "neighbours is"),
        ({"tokens": torch.zeros(1, 0, 8), "token_mask": torch.ones(1, 0, dtype=torch.bool)}, "no column"),
    ],
)
def test_contexts_of_another_shape_are_refused(changed: dict[str, torch.Tensor], message: str) -> None:
    context = replace(context_of(1, 8), **changed)
    with pytest.raises(ValueError, match=message):
        plain(8)(torch.zeros(1, 8), torch.zeros(1, 8), YES, YES, context)


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("num_heads", 3, "fusion.num_heads: found 3, expected a divisor of 8"),
        ("max_neighbours", -1, "fusion.max_neighbours: found -1, expected at least 0"),
        ("max_tokens", 0, "fusion.max_tokens: found 0, expected at least 1"),
    ],
)
def test_settings_out_of_range_are_refused(setting: str, value: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        plain(8, **{setting: value})
