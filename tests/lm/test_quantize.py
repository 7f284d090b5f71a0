"""Own 8 bits in a folder: the same whole numbers when read back, and the same as rounded floats."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional as F

from kgrec.errors import InputError
from kgrec.lm.folder import load_lm
from kgrec.lm.prune import Pruning, save_pruned
from kgrec.lm.quantize import write_own
from kgrec.text.int8 import Int8Linear, dequantized, quantize
from kgrec.text.static import StaticEncoder
from kgrec.text.transformer import TransformerEncoder


def encoder(folder: Path, dtype: str, **changes: Any) -> TransformerEncoder:
    settings = {"num_layers": None, "vocabulary": "full"} | changes
    return TransformerEncoder(
        str(folder), settings["num_layers"], "mean", 32, 3, dtype, True, "cpu", "", settings["vocabulary"]
    )


@pytest.fixture
def stored(bert: Path, tmp_path: Path) -> Path:
    write_own(tmp_path, load_lm(str(bert)), [])
    return tmp_path


def test_read_in_int8_it_is_what_the_encoder_makes_itself(stored: Path, bert: Path, texts: list[str]) -> None:
    one, other = encoder(stored, "int8"), encoder(bert, "int8")
    torch.testing.assert_close(one.encode(texts), other.encode(texts), rtol=1e-4, atol=1e-5)
    assert one.cost() == other.cost()
    for mine, its in zip(one.backbone.network.modules(), other.backbone.network.modules(), strict=True):
        if isinstance(mine, Int8Linear):
            assert torch.equal(mine.weight, its.weight)  # type: ignore[arg-type]


def test_read_in_float_only_the_weights_are_rounded(stored: Path, bert: Path, texts: list[str]) -> None:
    exact = encoder(bert, "float32").encode(texts)
    weights, whole = encoder(stored, "float32").encode(texts), encoder(stored, "int8").encode(texts)
    assert 0 < (weights - exact).norm() < (whole - exact).norm()
    assert F.cosine_similarity(weights, exact).min() > 0.99


def test_the_file_is_a_quarter(stored: Path, bert: Path) -> None:
    tensors = load_file(stored / "model.safetensors")
    floats = sum(tensor.nbytes for tensor in load_file(bert / "model.safetensors").values())
    assert sum(tensor.nbytes for tensor in tensors.values()) < 0.45 * floats  # a narrow model has many scales
    assert {tensors[name].dtype for name in tensors if name.endswith("query.weight")} == {torch.int8}


def test_every_encoder_reads_the_folder(stored: Path, bert: Path, texts: list[str]) -> None:
    assert encoder(stored, "float32", num_layers=1).encode(texts).isfinite().all()
    assert encoder(stored, "bfloat16").encode(texts).isfinite().all()
    assert encoder(stored, "int8", vocabulary="cut").fitted_to(texts).encode(texts).isfinite().all()
    small, exact = (StaticEncoder(str(folder), 32, True, "full").encode(texts) for folder in (stored, bert))
    assert F.cosine_similarity(small, exact).min() > 0.99


def test_a_pruned_model_stays_pruned(bert: Path, texts: list[str], tmp_path: Path) -> None:
    model = load_lm(str(bert))
    save_pruned(tmp_path, model.network, model.tokenizer, Pruning(heads=1, width=8).apply(model, texts))
    out = tmp_path / "int8"
    out.mkdir()
    write_own(out, load_lm(str(tmp_path)), [])
    rows = [encoder(folder, dtype).encode(texts) for folder, dtype in ((tmp_path, "float32"), (out, "int8"))]
    assert F.cosine_similarity(*rows).min() > 0.98


def test_put_back_into_floats_it_is_within_half_a_scale() -> None:
    network = torch.nn.Sequential(torch.nn.Embedding(5, 8), torch.nn.Linear(8, 3))
    exact = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    quantize(network)
    floats = dequantized(network.state_dict())
    assert floats.keys() == exact.keys()
    for name, tensor in exact.items():
        assert (floats[name] - tensor).abs().max() <= tensor.abs().max() / 254 * 1.0001
    assert torch.equal(floats["1.bias"], exact["1.bias"])


def test_a_model_without_linear_layers_is_refused(make_model: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no linear layers of torch's own class"):
        write_own(tmp_path, load_lm(str(make_model("gpt2"))), [])
