"""Token features against the pooled ones of the same encoder."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from kgrec.text.encoder import TextFeatures, encode_items
from kgrec.text.hashing import HashingEncoder
from kgrec.text.static import StaticEncoder
from kgrec.text.tokens import TokenFeatures, with_tokens
from kgrec.text.transformer import TransformerEncoder


def transformer(folder: Path, num_layers: int | None, normalize: bool) -> TransformerEncoder:
    return TransformerEncoder(str(folder), num_layers, "mean", 32, 3, "float32", normalize, "cpu")


def means(features: TokenFeatures) -> Tensor:
    counts = features.token_mask.sum(dim=1, keepdim=True).clamp(min=1)
    return features.tokens.sum(dim=1) / counts


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("num_layers", [None, 1])
@pytest.mark.parametrize("kind", ["bert", "gpt2", "t5"])
def test_the_mean_of_the_tokens_is_the_pooled_text(
    make_model: Callable[..., Path],
    texts: list[str],
    tmp_path: Path,
    kind: str,
    num_layers: int,
    normalize: bool,
) -> None:
    """Empty texts have no token, equal texts have the same."""
    encoder, items = transformer(make_model(kind), num_layers, normalize), [*texts, "", texts[0]]
    features = encode_items(encoder, items, tmp_path)
    told = with_tokens(features, encoder, items, max_tokens=32)
    assert isinstance(told, TokenFeatures)
    torch.testing.assert_close(means(told), features.embeddings, rtol=1e-4, atol=1e-5)
    assert torch.equal(told.token_mask.any(dim=1), features.has_text)
    assert torch.equal(told.tokens[-1], told.tokens[0])
    assert not told.tokens[~told.token_mask].any()
    assert torch.equal(told.embeddings, features.embeddings)


@pytest.mark.parametrize("normalize", [False, True])
def test_a_static_encoder_s_tokens_are_its_token_vectors(
    bert: Path, texts: list[str], tmp_path: Path, normalize: bool
) -> None:
    encoder = StaticEncoder(str(bert), 32, normalize, "full")
    features = encode_items(encoder, texts, tmp_path)
    told = with_tokens(features, encoder, texts, max_tokens=32)
    assert isinstance(told, TokenFeatures)
    torch.testing.assert_close(means(told), features.embeddings, rtol=1e-4, atol=1e-5)


def test_the_first_tokens_are_kept_as_the_whole_text_made_them(
    bert: Path, texts: list[str], tmp_path: Path
) -> None:
    encoder = transformer(bert, None, True)
    features = encode_items(encoder, texts, tmp_path)
    whole, cut = (with_tokens(features, encoder, texts, max_tokens) for max_tokens in (32, 4))
    assert isinstance(whole, TokenFeatures)
    assert isinstance(cut, TokenFeatures)
    assert cut.tokens.shape[1] == 4
    assert torch.equal(cut.tokens, whole.tokens[:, :4])
    assert torch.equal(cut.token_mask, whole.token_mask[:, :4])


def test_an_encoder_without_tokens_gives_its_features_as_they_are(texts: list[str]) -> None:
    features = TextFeatures(torch.ones(len(texts), 8), torch.ones(len(texts), dtype=torch.bool), {})
    assert with_tokens(features, HashingEncoder(8, [1], [3]), texts, 4) is features


@pytest.mark.parametrize(
    ("kind", "dtype", "vocabulary"),
    [
        ("transformer", "int8", "full"),
        ("transformer", "float32", "cut"),
        ("transformer", "int8", "cut"),
        ("static", "int8", "full"),
        ("static", "float32", "corpus"),
        ("static", "int8", "cut"),
    ],
)
def test_small_forms_of_a_model_are_read_with_its_own_weights(
    bert: Path, texts: list[str], tmp_path: Path, kind: str, dtype: str, vocabulary: str
) -> None:
    encoder = (
        TransformerEncoder(
            str(bert), None, "mean", 32, 3, dtype, True, "cpu", vocabulary=vocabulary
        ).fitted_to(texts[:3])
        if kind == "transformer"
        else StaticEncoder(str(bert), 32, True, vocabulary, dtype).fitted_to(texts[:3])
    )
    features = encode_items(encoder, texts, tmp_path)
    told = with_tokens(features, encoder, texts, max_tokens=32)
    assert isinstance(told, TokenFeatures)
    torch.testing.assert_close(means(told), features.embeddings, rtol=1e-4, atol=1e-5)


def test_tokens_are_the_hidden_states_of_the_text_alone(bert: Path, texts: list[str]) -> None:
    """What was read before encoders told their tokens: the states of a plain pass, without any batch."""
    from transformers import AutoModel, AutoTokenizer

    network, tokenizer = AutoModel.from_pretrained(bert).eval(), AutoTokenizer.from_pretrained(bert)
    for text, states in zip(texts, transformer(bert, None, False).token_states(texts, 32), strict=True):
        with torch.no_grad():
            expected = network(torch.tensor([tokenizer(text)["input_ids"]])).last_hidden_state[0]
        torch.testing.assert_close(states, expected, rtol=1e-4, atol=1e-5)


def test_a_prefix_is_read_with_the_text(bert: Path, texts: list[str], tmp_path: Path) -> None:
    encoder = TransformerEncoder(str(bert), None, "mean", 32, 3, "float32", True, "cpu", prefix="heat ")
    features = encode_items(encoder, texts, tmp_path)
    told = with_tokens(features, encoder, texts, max_tokens=32)
    assert isinstance(told, TokenFeatures)
    torch.testing.assert_close(means(told), features.embeddings, rtol=1e-4, atol=1e-5)
