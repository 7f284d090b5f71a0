"""TransformerEncoder against transformers itself, on tiny models with random weights."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional as F

from kgrec.errors import InputError
from kgrec.text import transformer
from kgrec.text.encoder import encode_items
from kgrec.text.transformer import TransformerEncoder

CUTTABLE = ["bert", "roberta", "mpnet", "distilbert", "modernbert", "gpt2", "qwen3", "t5"]


def make_encoder(folder: Path, **changes: Any) -> TransformerEncoder:
    settings: dict[str, Any] = {
        "model": str(folder),
        "num_layers": None,
        "pooling": "mean",
        "max_length": 32,
        "batch_size": 3,
        "dtype": "float32",
        "normalize": False,
        "device": "cpu",
    }
    return TransformerEncoder(**settings | changes)


def hidden_states(folder: Path, text: str) -> list[Tensor]:
    """``hidden_states`` of the uncut model for one text alone, each ``[T, D]``."""
    from transformers import AutoModel, AutoTokenizer

    network = AutoModel.from_pretrained(folder).eval()
    if network.config.is_encoder_decoder:
        network = network.get_encoder()
    ids = torch.tensor([AutoTokenizer.from_pretrained(folder)(text)["input_ids"]])
    with torch.no_grad():
        return [state[0] for state in network(input_ids=ids, output_hidden_states=True).hidden_states]


@pytest.mark.parametrize("kind", [*CUTTABLE, "albert"])
def test_a_batch_equals_the_models_own_output_for_each_text(
    kind: str, make_model: Callable[..., Path], texts: list[str]
) -> None:
    rows = make_encoder(make_model(kind)).encode(texts)
    expected = torch.stack([hidden_states(make_model(kind), text)[-1].mean(dim=0) for text in texts])
    torch.testing.assert_close(rows, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", CUTTABLE)
@pytest.mark.parametrize("num_layers", [1, 2, 3])
def test_a_cut_model_gives_the_hidden_state_of_that_layer(
    kind: str, num_layers: int, make_model: Callable[..., Path]
) -> None:
    text = "the good the bad and the ugly"
    (row,) = make_encoder(make_model(kind), num_layers=num_layers).encode([text])
    expected = hidden_states(make_model(kind), text)[num_layers].mean(dim=0)
    torch.testing.assert_close(row, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["bert", "gpt2"])
def test_layer_states_are_those_of_each_cut_model(
    kind: str, make_model: Callable[..., Path], texts: list[str]
) -> None:
    states = make_encoder(make_model(kind), num_layers=2).layer_states(texts)
    assert list(states) == [0, 1, 2]
    for layer in (1, 2):
        cut = make_encoder(make_model(kind), num_layers=layer)
        torch.testing.assert_close(states[layer], cut.encode(texts), rtol=1e-4, atol=1e-5)
    embeddings = torch.stack([hidden_states(make_model(kind), text)[0].mean(dim=0) for text in texts])
    torch.testing.assert_close(states[0], embeddings)


@pytest.mark.parametrize("kind", ["bert", "gpt2"])
@pytest.mark.parametrize("pooling", ["mean", "cls", "max", "last"])
def test_poolings_in_a_batch_equal_those_of_the_text_alone(
    kind: str, pooling: str, make_model: Callable[..., Path], texts: list[str]
) -> None:
    reduce: dict[str, Callable[[Tensor], Tensor]] = {
        "mean": lambda state: state.mean(dim=0),
        "cls": lambda state: state[0],
        "max": lambda state: state.amax(dim=0),
        "last": lambda state: state[-1],
    }
    rows = make_encoder(make_model(kind), pooling=pooling).encode(texts)
    expected = torch.stack([reduce[pooling](hidden_states(make_model(kind), text)[-1]) for text in texts])
    torch.testing.assert_close(rows, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("batch_size", [1, 2, 100])
def test_neither_batch_size_nor_order_changes_a_row(bert: Path, texts: list[str], batch_size: int) -> None:
    rows = make_encoder(bert).encode(texts)
    other = make_encoder(bert, batch_size=batch_size).encode(texts[::-1]).flip(0)
    torch.testing.assert_close(rows, other, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(rows[2], rows[5])  # the same text twice


def test_long_texts_are_cut_with_their_special_tokens_kept(
    bert: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    rows = make_encoder(bert, max_length=5).encode(["the good the bad and the ugly", "the good the"])
    torch.testing.assert_close(rows[0], rows[1])
    assert "2 of 2 texts fill max_length=5" in caplog.text


def test_a_text_without_tokens_gets_zeros_and_is_told(
    make_model: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    rows = make_encoder(make_model("gpt2")).encode(["heat", " \t", "toy"])
    assert rows.any(dim=1).tolist() == [True, False, True]
    assert "1 of 3 texts give no token" in caplog.text


def test_no_texts_give_no_rows(bert: Path) -> None:
    assert make_encoder(bert).encode([]).shape == (0, 16)


def test_normalized_rows_have_length_one(bert: Path, texts: list[str]) -> None:
    plain, scaled = (make_encoder(bert, normalize=value).encode(texts) for value in (False, True))
    torch.testing.assert_close(scaled, F.normalize(plain, dim=1))


def test_bfloat16_stays_close_to_float32(bert: Path, texts: list[str]) -> None:
    exact, half = (make_encoder(bert, dtype=dtype).encode(texts) for dtype in ("float32", "bfloat16"))
    assert half.dtype == torch.float32
    assert not torch.equal(exact, half)
    assert F.cosine_similarity(exact, half).min() > 0.99


def test_cost_counts_the_cut_model_without_its_pooler(bert: Path) -> None:
    vocabulary, positions, width, inner = 25, 32, 16, 32
    tables = (vocabulary + positions + 2) * width
    norm = 2 * width
    layer = 4 * (width**2 + width) + 2 * width * inner + inner + width + 2 * norm
    for num_layers in (1, 3):
        assert make_encoder(bert, num_layers=num_layers).cost() == {
            "lm_params": tables + norm + num_layers * layer,
            "lm_params_without_embeddings": norm + num_layers * layer,
            "lm_bytes": 4 * (tables + norm + num_layers * layer),
        }
    half = make_encoder(bert, dtype="bfloat16").cost()
    assert half["lm_bytes"] == 2 * half["lm_params"]


@pytest.mark.parametrize("kind", CUTTABLE)
def test_cost_at_a_layer_is_that_of_the_model_cut_there(kind: str, make_model: Callable[..., Path]) -> None:
    whole = make_encoder(make_model(kind))
    for layer in (1, 2, 3):
        assert whole.cost_at(layer) == make_encoder(make_model(kind), num_layers=layer).cost()


def test_a_cache_hit_loads_no_model(
    bert: Path, tmp_path: Path, texts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = encode_items(make_encoder(bert), texts, tmp_path)
    monkeypatch.setattr(transformer, "load_backbone", lambda *_: pytest.fail("loaded"))
    second = encode_items(make_encoder(bert), texts, tmp_path)
    assert torch.equal(first.embeddings, second.embeddings)


def test_the_cache_key_names_every_setting_that_changes_rows(make_model: Callable[..., Path]) -> None:
    changes: list[dict[str, Any]] = [
        {},
        {"num_layers": 1},
        {"num_layers": 2},
        {"pooling": "cls"},
        {"max_length": 8},
        {"dtype": "bfloat16"},
        {"dtype": "int8"},
        {"prefix": "film of "},
        {"normalize": True},
    ]
    keys = [make_encoder(make_model("bert"), **change).cache_key for change in changes]
    keys.append(make_encoder(make_model("bert", 1)).cache_key)  # other weights, same shape and size
    assert len(set(keys)) == len(keys)
    assert make_encoder(make_model("bert"), batch_size=9).cache_key == keys[0]


def test_encoding_leaves_the_runs_random_numbers_alone(bert: Path) -> None:
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    make_encoder(bert).encode(["heat"])
    assert torch.equal(torch.rand(1), expected)


def test_encoding_is_silent(bert: Path, texts: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    make_encoder(bert, num_layers=1).encode(texts)
    assert capfd.readouterr() == ("", "")


def test_missing_weights_are_refused_not_drawn_at_random(bert: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(bert, tmp_path / "model")
    weights = load_file(folder / "model.safetensors")
    del weights["encoder.layer.1.output.dense.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputError, match=r"lacks 1 weights, among them encoder\.layer\.1"):
        make_encoder(folder).encode(["heat"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_layers": 0}, "num_layers: 0 .* StaticEncoder"),
        ({"pooling": "sum"}, "pooling: 'sum' is none of mean, cls, max, last"),
        ({"dtype": "int4"}, "dtype: 'int4' is none of float32, bfloat16, int8"),
        ({"device": "tpu"}, "device: 'tpu'"),
        ({"batch_size": 0}, "batch_size: 0"),
        ({"max_length": 0}, "max_length: 0"),
    ],
)
def test_settings_out_of_range_fail_at_construction(
    bert: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        make_encoder(bert, **changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_layers": 4}, "num_layers: 4 is more than the 3 layers"),
        ({"max_length": 33}, "max_length: 33 is more than the 32 tokens"),
        ({"max_length": 2}, "max_length: 2 leaves no room beside 2 special tokens"),
    ],
)
def test_settings_the_model_cannot_serve_fail_on_loading(
    bert: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        make_encoder(bert, **changes).encode(["heat"])


def test_shared_layers_cannot_be_cut(make_model: Callable[..., Path]) -> None:
    with pytest.raises(InputError, match="no list of layers to cut"):
        make_encoder(make_model("albert"), num_layers=2).encode(["heat"])


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_cuda_that_is_not_there_fails_at_construction(bert: Path) -> None:
    with pytest.raises(InputError, match="no CUDA device"):
        make_encoder(bert, device="cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_cuda_gives_the_same_rows(bert: Path, texts: list[str]) -> None:
    rows, on_cuda = (make_encoder(bert, device=device).encode(texts) for device in ("cpu", "cuda"))
    torch.testing.assert_close(rows, on_cuda, rtol=1e-3, atol=1e-4)
