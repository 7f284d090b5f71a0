"""Features of the graph as tokens."""

import pytest
import torch
from torch import nn

from kgrec.nn.soft_tokens import SoftTokens


def test_soft_tokens_begin_at_nothing_and_have_the_norm_of_words() -> None:
    tokens = SoftTokens(3, 8, 16, norm=2.0)
    features = torch.randn(500, 3, 8)
    assert not tokens(features).any()
    nn.init.normal_(tokens.weight, std=8**-0.5)
    assert tokens(features).norm(dim=2).mean().item() == pytest.approx(2.0, rel=0.25)
    other = features.clone()
    other[:, 0] = 0.0
    assert torch.equal(tokens(other)[:, 1:], tokens(features)[:, 1:])
