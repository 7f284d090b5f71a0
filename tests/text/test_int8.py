"""Whole numbers of 8 bits in the place of floats: known answers, true bytes, no text disturbs another."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from kgrec.errors import InputError
from kgrec.text.int8 import Int8Embedding, Int8Linear, Int8Rows, quantize, quantize_rows, stored_bytes
from kgrec.text.static import StaticEncoder
from kgrec.text.transformer import TransformerEncoder

KINDS = ["bert", "roberta", "mpnet", "distilbert", "modernbert", "qwen3", "t5", "albert"]


def make_encoder(folder: Path, **changes: Any) -> TransformerEncoder:
    settings: dict[str, Any] = {
        "model": str(folder),
        "num_layers": None,
        "pooling": "mean",
        "max_length": 32,
        "batch_size": 3,
        "dtype": "int8",
        "normalize": False,
        "device": "cpu",
    }
    return TransformerEncoder(**settings | changes)


def test_known_answer_of_a_row() -> None:
    whole, scale = quantize_rows(torch.tensor([[254.0, -1.0, 3.0, 128.0], [0.0, 0.0, 0.0, 0.0]]))
    assert whole.tolist() == [[127, 0, 2, 64], [0, 0, 0, 0]]  # halves go to the even number
    assert scale.tolist() == [[2.0], [0.0]]


def test_no_value_is_off_by_more_than_half_a_scale() -> None:
    values = (
        torch.randn(50, 30, generator=torch.Generator().manual_seed(0)) * torch.logspace(-8, 8, 50)[:, None]
    )
    whole, scale = quantize_rows(values)
    assert ((whole * scale - values).abs() <= scale * 0.50001).all()
    assert (whole.abs().amax(dim=1) == 127).all()


def test_a_linear_layer_multiplies_the_whole_numbers_exactly() -> None:
    linear = nn.Linear(300, 7)
    nn.init.constant_(linear.weight, 1.0)  # 300 products of 127 · 127: too large for 16 bits
    x = torch.stack([torch.ones(300), -torch.ones(300), torch.zeros(300)])
    torch.testing.assert_close(Int8Linear(linear)(x), linear(x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("bias", [True, False])
def test_a_linear_layer_is_close_to_the_one_it_replaces(bias: bool) -> None:
    torch.manual_seed(0)
    linear, x = nn.Linear(64, 48, bias=bias), torch.randn(2, 5, 64)
    with torch.no_grad():
        exact, approximate = linear(x), Int8Linear(linear)(x)
    assert approximate.shape == (2, 5, 48)
    assert not torch.equal(exact, approximate)
    assert (exact - approximate).norm() < 0.02 * exact.norm()


def test_a_token_does_not_change_anothers_output() -> None:
    torch.manual_seed(0)
    layer, x = Int8Linear(nn.Linear(16, 8)), torch.randn(3, 16)
    loud = x.clone()
    loud[2] *= 1000
    assert torch.equal(layer(x)[:2], layer(loud)[:2])


def test_lookups_are_the_rows() -> None:
    table = nn.Embedding(5, 8, padding_idx=0)
    ids = torch.tensor([[1, 4], [0, 2]])
    rows = Int8Embedding(table)(ids)
    assert torch.equal(rows, Int8Rows.of(table.weight.detach())[ids])
    torch.testing.assert_close(rows, table(ids), rtol=0.0, atol=table.weight.abs().max().item() / 250)


def test_every_table_and_linear_layer_is_replaced_and_counted() -> None:
    network = nn.Sequential(nn.Embedding(5, 8), nn.Sequential(nn.Linear(8, 4), nn.LayerNorm(4)))
    assert stored_bytes(network) == 4 * (40 + 32 + 4 + 8)
    assert quantize(network) == 1
    # a byte for each weight, a scale for each of 5 rows and 4 channels; bias and norm in float32
    assert stored_bytes(network) == 40 + 32 + 4 * (5 + 4) + 4 * (4 + 8)


@pytest.mark.parametrize("kind", KINDS)
def test_vectors_stay_close_and_a_batch_equals_single_texts(
    kind: str, make_model: Callable[..., Path], texts: list[str]
) -> None:
    exact = make_encoder(make_model(kind), dtype="float32").encode(texts)
    encoder = make_encoder(make_model(kind))
    rows = encoder.encode(texts)
    assert not torch.equal(exact, rows)
    assert F.cosine_similarity(exact, rows).min() > 0.98
    single = torch.cat([encoder.encode([text]) for text in texts])
    # float32 noise may tip a value over the middle between two whole numbers
    torch.testing.assert_close(rows, single, rtol=0.02, atol=0.02)


def test_a_model_without_linear_layers_is_refused(make_model: Callable[..., Path]) -> None:
    with pytest.raises(InputError, match=r"dtype: int8 needs linear layers, and .*gpt2"):
        make_encoder(make_model("gpt2")).encode(["heat"])


def test_int8_computes_on_the_cpu(bert: Path) -> None:
    with pytest.raises(InputError, match="dtype: int8 computes on the CPU"):
        make_encoder(bert, device="cuda")
    assert make_encoder(bert, device="auto").device.type == "cpu"


def test_bytes_are_those_stored_and_parameters_stay(bert: Path) -> None:
    exact, small = make_encoder(bert, dtype="float32").cost(), make_encoder(bert).cost()
    rows, channels = 25 + 32 + 2, 3 * (4 * 16 + 32 + 16)
    floats = 2 * 16 + 3 * (4 * 16 + 32 + 16 + 2 * 2 * 16)  # norms and biases
    assert small["lm_params"] == exact["lm_params"]
    assert small["lm_params_without_embeddings"] == exact["lm_params_without_embeddings"]
    assert small["lm_bytes"] == exact["lm_params"] - floats + 4 * (floats + rows + channels)
    assert make_encoder(bert).cost_at(1) == make_encoder(bert, num_layers=1).cost()


@pytest.mark.parametrize("vocabulary", ["full", "corpus"])
def test_static_tables(bert: Path, texts: list[str], vocabulary: str) -> None:
    exact = StaticEncoder(str(bert), 32, False, vocabulary, "float32")
    small = StaticEncoder(str(bert), 32, False, vocabulary, "int8")
    rows = small.encode(texts)
    assert F.cosine_similarity(rows, exact.encode(texts)).min() > 0.999
    assert not torch.equal(rows, exact.encode(texts))
    torch.testing.assert_close(rows, torch.cat([small.encode([text]) for text in texts]))
    whole = make_encoder(bert)
    torch.testing.assert_close(rows, whole.layer_states(texts)[0])
    assert small.cost()["lm_params"] == exact.cost()["lm_params"]
    assert small.cost()["lm_bytes"] < exact.cost()["lm_bytes"] / 2.5
    assert small.cache_key == f"{exact.cache_key}/int8"
    if vocabulary == "full":
        assert small.cost() == whole.cost_at(0)


def test_an_unknown_dtype_of_tables_is_refused(bert: Path) -> None:
    with pytest.raises(InputError, match="dtype: 'int4' is none of float32, int8"):
        StaticEncoder(str(bert), 32, False, "full", "int4")
