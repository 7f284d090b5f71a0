"""Tables of embeddings: size, spread, refused settings."""

import pytest
import torch

from kgrec.errors import InputError
from kgrec.nn.embedding import embedding_table


def test_a_table_has_the_asked_size_and_spread() -> None:
    torch.manual_seed(0)
    weight = embedding_table(5000, 8, init_std=0.3).weight
    assert weight.shape == (5000, 8)
    assert weight.requires_grad
    assert weight.mean().item() == pytest.approx(0.0, abs=0.01)
    assert weight.std().item() == pytest.approx(0.3, rel=0.02)


@pytest.mark.parametrize(
    ("embedding_dim", "init_std", "message"),
    [
        (0, 0.1, r"model\.embedding_dim: found 0, expected a whole number >= 1"),
        (8, 0.0, r"model\.init_std: found 0\.0, expected a number > 0"),
        (8, float("nan"), r"model\.init_std: found nan"),
    ],
)
def test_settings_outside_their_range_are_refused(embedding_dim: int, init_std: float, message: str) -> None:
    with pytest.raises(InputError, match=message):
        embedding_table(3, embedding_dim, init_std)
