"""encode_layers: every depth in one pass, cached together."""

from pathlib import Path

import pytest
import torch

from kgrec.text import transformer
from kgrec.text.encoder import encode_items
from kgrec.text.layers import encode_layers
from kgrec.text.transformer import TransformerEncoder


def make_encoder(folder: Path, num_layers: int | None) -> TransformerEncoder:
    return TransformerEncoder(str(folder), num_layers, "mean", 32, 3, "float32", True, "cpu")


def test_each_layer_equals_the_encoder_cut_there_cost_included(bert: Path, tmp_path: Path) -> None:
    texts = ["toy story", "", "the good the bad", "toy story"]
    layers = encode_layers(make_encoder(bert, None), texts, tmp_path)
    assert list(layers) == [0, 1, 2, 3]
    for layer in (1, 2, 3):
        cut = encode_items(make_encoder(bert, layer), texts, tmp_path)
        torch.testing.assert_close(layers[layer].embeddings, cut.embeddings, rtol=1e-4, atol=1e-5)
        assert layers[layer].has_text.tolist() == [True, False, True, True]
        del cut.cost["encode_items_per_s"]
        assert layers[layer].cost == cut.cost


def test_a_cache_hit_loads_no_model(bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = encode_layers(make_encoder(bert, 2), ["toy", "heat"], tmp_path)
    monkeypatch.setattr(transformer, "load_backbone", lambda *_: pytest.fail("loaded"))
    second = encode_layers(make_encoder(bert, 2), ["toy", "heat"], tmp_path)
    assert list(first) == list(second) == [0, 1, 2]
    assert all(torch.equal(first[layer].embeddings, second[layer].embeddings) for layer in first)
    assert [value.cost for value in first.values()] == [value.cost for value in second.values()]


def test_the_layers_are_not_mistaken_for_the_last_one(bert: Path, tmp_path: Path) -> None:
    encode_layers(make_encoder(bert, 2), ["toy"], tmp_path)
    assert encode_items(make_encoder(bert, 2), ["toy"], tmp_path).embeddings.shape == (1, 16)
