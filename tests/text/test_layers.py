"""Several depths in one pass, in the cache entries of the cut encoders."""

from pathlib import Path

import pytest
import torch

from kgrec.text import transformer
from kgrec.text.encoder import encode_items
from kgrec.text.hashing import HashingEncoder
from kgrec.text.layers import encode_all, encode_layers
from kgrec.text.transformer import TransformerEncoder

TEXTS = ["toy story", "", "the good the bad", "toy story"]


def make_encoder(folder: Path, num_layers: int | None, max_length: int = 32) -> TransformerEncoder:
    return TransformerEncoder(str(folder), num_layers, "mean", max_length, 3, "float32", True, "cpu")


def test_each_layer_equals_the_encoder_cut_there_cost_included(bert: Path, tmp_path: Path) -> None:
    layers = encode_layers(make_encoder(bert, None), TEXTS, tmp_path / "one", [3, 1, 2])
    assert list(layers) == [1, 2, 3]
    for layer in (1, 2, 3):
        cut = encode_items(make_encoder(bert, layer), TEXTS, tmp_path / "each")
        torch.testing.assert_close(layers[layer].embeddings, cut.embeddings, rtol=1e-4, atol=1e-5)
        assert layers[layer].has_text.tolist() == [True, False, True, True]
        assert layers[layer].cost.pop("encode_items_per_s") > 0
        del cut.cost["encode_items_per_s"]
        assert layers[layer].cost == cut.cost


def test_encode_all_fills_the_cache_of_every_encoder_in_one_pass(
    bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes = []
    layer_states = TransformerEncoder.layer_states

    def counted(encoder: TransformerEncoder, texts: list[str]) -> dict[int, torch.Tensor]:
        passes.append((encoder.num_layers, encoder.max_length))
        return layer_states(encoder, texts)

    monkeypatch.setattr(TransformerEncoder, "layer_states", counted)
    encoders = [
        make_encoder(bert, 1),
        make_encoder(bert, 2),
        make_encoder(bert, 2, 8),
        make_encoder(bert, None),
    ]
    hashing = HashingEncoder(dim=8, word_ngrams=[1], char_ngrams=[])
    encode_all([*encoders, hashing], TEXTS, tmp_path)
    assert sorted(passes) == [(2, 8), (2, 32)]
    monkeypatch.setattr(transformer, "load_backbone", lambda *_: pytest.fail("loaded"))
    for encoder in (make_encoder(bert, 1), make_encoder(bert, 2), make_encoder(bert, None)):
        assert encode_items(encoder, TEXTS, tmp_path).embeddings.shape == (4, 16)
    assert len(list((tmp_path / "text").glob("*.safetensors"))) == 5
    encode_all([make_encoder(bert, 1), make_encoder(bert, 2), hashing], TEXTS, tmp_path)
    assert len(passes) == 2


def test_items_without_any_text_need_no_rate(bert: Path, tmp_path: Path) -> None:
    features = encode_layers(make_encoder(bert, 2), ["", ""], tmp_path, [1])[1]
    assert not features.has_text.any()
    assert "encode_items_per_s" not in features.cost
