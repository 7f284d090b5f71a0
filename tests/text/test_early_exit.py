"""EarlyExitEncoder: who leaves where, and with which vector."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from kgrec.errors import InputError
from kgrec.text.early_exit import EarlyExitEncoder, _Head
from kgrec.text.transformer import TransformerEncoder

WARM = [
    f"{first} {second} story" for first in ("toy", "heat", "crime") for second in ("space", "drama", "toys")
]


def whole(folder: Path) -> TransformerEncoder:
    return TransformerEncoder(str(folder), None, "mean", 32, 3, "float32", True, "cpu")


def early(folder: Path, threshold: float) -> EarlyExitEncoder:
    return EarlyExitEncoder(whole(folder), threshold, 0.1).fitted_to(WARM)


def test_where_none_leaves_the_vectors_are_the_model_s(bert: Path, texts: list[str]) -> None:
    encoder = early(bert, 0.0)
    torch.testing.assert_close(encoder.encode(texts), whole(bert).encode(texts), rtol=1e-4, atol=1e-5)
    assert encoder.layers_used.tolist() == [3.0] * len(texts)


def test_where_all_leave_one_layer_is_passed_and_mapped(bert: Path, texts: list[str]) -> None:
    encoder = early(bert, 2.0)
    rows = encoder.encode(texts)
    assert encoder.layers_used.tolist() == [1.0] * len(texts)
    first = whole(bert).layer_states(texts)[1]
    torch.testing.assert_close(
        rows, F.normalize(encoder._heads[0].mapped(first), dim=1), rtol=1e-4, atol=1e-5
    )


def test_some_leave_and_a_text_s_vector_is_its_own(bert: Path, texts: list[str]) -> None:
    states = whole(bert).layer_states(texts)
    heads = early(bert, 1.0)._heads
    guesses = [head.distance(states[layer]) for layer, head in enumerate(heads, start=1)]
    encoder = early(
        bert, guesses[0].unique().sort().values[1].item() + 1e-6
    )  # two different texts leave at once
    rows = encoder.encode(texts)
    assert 2 <= int((encoder.layers_used == 1).sum()) < len(texts)
    expected = [
        next((layer for layer in (1, 2) if guesses[layer - 1][row] <= encoder.threshold), 3)
        for row in range(len(texts))
    ]
    assert encoder.layers_used.tolist() == expected
    single = torch.cat([encoder.encode([text]) for text in texts])
    torch.testing.assert_close(rows, single, rtol=1e-4, atol=1e-5)


def test_a_head_finds_a_linear_relation_and_knows_that_it_has() -> None:
    generator = torch.Generator().manual_seed(0)
    states, weight = (torch.randn(200, 4, generator=generator) for _ in range(2))
    last = states @ weight[:4] + 1.0
    head = _Head.fitted(states, last, 1e-6)
    torch.testing.assert_close(head.mapped(states), last, rtol=1e-3, atol=1e-3)
    assert head.distance(states).max() < 1e-4
    noise = torch.randn(200, 4, generator=generator)
    assert _Head.fitted(states, noise, 1e-6).distance(states).min() > 0.1


def test_settings_and_texts_name_the_cache_entry(bert: Path) -> None:
    keys = {
        early(bert, 0.1).cache_key,
        early(bert, 0.2).cache_key,
        EarlyExitEncoder(whole(bert), 0.1, 0.2).fitted_to(WARM).cache_key,
        EarlyExitEncoder(whole(bert), 0.1, 0.1).fitted_to(WARM[:8]).cache_key,
    }
    assert len(keys) == 4
    assert early(bert, 0.1).cost()["lm_params"] > whole(bert).cost()["lm_params"]


def test_what_cannot_be_done_is_refused(bert: Path, make_model: Callable[..., Path]) -> None:
    with pytest.raises(InputError, match=r"fitted_to\(texts\) first"):
        EarlyExitEncoder(whole(bert), 0.1, 0.1).encode(["heat"])
    with pytest.raises(InputError, match="found 2 texts, expected 8"):
        EarlyExitEncoder(whole(bert), 0.1, 0.1).fitted_to(["heat", "toy", "heat", ""])
    with pytest.raises(InputError, match="threshold: 3"):
        EarlyExitEncoder(whole(bert), 3, 0.1)
    with pytest.raises(InputError, match="penalty: 0"):
        EarlyExitEncoder(whole(bert), 0.1, 0)
    with pytest.raises(InputError, match="found a model of type roberta, expected bert"):
        early(make_model("roberta"), 0.1).encode(["heat"])
