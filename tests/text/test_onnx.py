"""ONNX models as text encoders: the same vectors by another library, in 32 and in 8 bits."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from kgrec.errors import InputError
from kgrec.text.encoder import encode_items
from kgrec.text.onnx import OnnxEncoder
from kgrec.text.transformer import TransformerEncoder

pytest.importorskip("onnx", reason="needs pip install onnx onnxruntime")
pytest.importorskip("onnxruntime", reason="needs pip install onnx onnxruntime")

from kgrec.lm.export import write_onnx
from kgrec.lm.folder import load_lm
from kgrec.lm.quantize import METHODS


def encoder(folder: Path, **changes: Any) -> OnnxEncoder:
    settings = {"pooling": "mean", "max_length": 32, "batch_size": 3, "normalize": True, "prefix": ""}
    return OnnxEncoder(str(folder), **settings | changes)  # type: ignore[arg-type]


def torch_encoder(folder: Path, **changes: Any) -> TransformerEncoder:
    settings = {"pooling": "mean", "max_length": 32, "batch_size": 3, "dtype": "float32", "normalize": True}
    return TransformerEncoder(str(folder), None, device="cpu", **settings | changes)  # type: ignore[arg-type]


@pytest.fixture
def exported(bert: Path, tmp_path: Path) -> Path:
    write_onnx(tmp_path, load_lm(str(bert)))
    return tmp_path


@pytest.mark.parametrize("kind", ["bert", "roberta", "distilbert", "mpnet"])
def test_vectors_are_those_of_torch(
    kind: str, make_model: Callable[..., Path], texts: list[str], tmp_path: Path
) -> None:
    write_onnx(tmp_path, load_lm(str(make_model(kind))))
    expected = torch_encoder(make_model(kind)).encode(texts)
    torch.testing.assert_close(encoder(tmp_path).encode(texts), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("pooling", ["mean", "cls", "max", "last"])
def test_settings_mean_what_they_mean_in_torch(
    pooling: str, exported: Path, bert: Path, texts: list[str]
) -> None:
    changes = {"pooling": pooling, "normalize": False, "prefix": "the ", "max_length": 6}
    expected = torch_encoder(bert, **changes).encode(texts)
    torch.testing.assert_close(encoder(exported, **changes).encode(texts), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("method", ["float32", "dynamic", "static"])
def test_a_text_does_not_change_anothers_vector(
    method: str, bert: Path, texts: list[str], tmp_path: Path, exported: Path
) -> None:
    folder = exported
    if method != "float32":
        folder = tmp_path / method
        folder.mkdir()
        METHODS[method](folder, load_lm(str(bert)), texts)
    one = encoder(folder)
    together = one.encode(texts)
    single = torch.cat([one.encode([text]) for text in texts])
    torch.testing.assert_close(together, single, rtol=1e-3, atol=1e-3)
    assert F.cosine_similarity(together, torch_encoder(bert).encode(texts)).min() > 0.9
    assert (folder / "model.onnx").stat().st_size == one.cost()["lm_bytes"]
    assert not (folder / "float32.onnx").exists()


def test_contract(exported: Path, bert: Path, tmp_path: Path) -> None:
    one = encoder(exported)
    assert one.dim == 16
    assert one.fitted_to(["heat"]) is one
    expected, cost = torch_encoder(bert).cost(), one.cost()
    for name in ("lm_params", "lm_params_without_embeddings"):
        assert cost[name] == expected[name]
    features = encode_items(one, ["heat", "", "toy"], tmp_path / "cache")
    assert features.has_text.tolist() == [True, False, True]


def test_the_cache_key_follows_content_and_settings(exported: Path) -> None:
    keys = {encoder(exported, **changes).cache_key for changes in ({}, {"pooling": "cls"}, {"prefix": "a"})}
    assert len(keys) == 3
    assert encoder(exported, batch_size=1).cache_key in keys
    with (exported / "model.onnx").open("ab") as file:
        file.write(b"\0")
    assert encoder(exported).cache_key not in keys


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pooling": "sum"}, "pooling: 'sum' is none of mean, cls, max, last"),
        ({"batch_size": 0}, "batch_size: 0 is less than 1"),
        ({"max_length": 0}, "max_length: 0 is less than 1"),
    ],
)
def test_settings_out_of_range(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        encoder(tmp_path, **changes)


def test_other_folders_are_refused(bert: Path, exported: Path) -> None:
    with pytest.raises(InputError, match=r"has no model\.onnx; save it with kgrec lm export --format onnx"):
        encoder(bert).encode(["heat"])
    with pytest.raises(
        InputError, match=r"has no \*\.safetensors; .* it holds an ONNX model, read by lm=onnx"
    ):
        torch_encoder(exported).encode(["heat"])
    (exported / "model.onnx").write_bytes(b"no model")
    with pytest.raises(InputError, match=r"model\.onnx does not load"):
        encoder(exported).encode(["heat"])
