"""Linear layers stored by torchao: fewer bytes, read by the same encoder, and nothing more done to them."""

import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F

from kgrec.cli import main
from kgrec.commands.lm.quantize import METHODS as OFFERED
from kgrec.errors import InputError
from kgrec.lm.folder import load_lm, read_lineage
from kgrec.lm.prune import Pruning, save_pruned
from kgrec.lm.quantize import METHODS, write_own
from kgrec.text.transformer import TransformerEncoder

pytest.importorskip("torchao", reason="needs pip install torchao")

NAMES = ("torchao", "torchao_dynamic")


def encoder(folder: Path, dtype: str = "float32", num_layers: int | None = None) -> TransformerEncoder:
    return TransformerEncoder(str(folder), num_layers, "mean", 32, 3, dtype, True, "cpu", "", "full")


def test_the_command_offers_what_there_is() -> None:
    assert (*METHODS,) == OFFERED


@pytest.fixture(params=NAMES)
def stored(request: pytest.FixtureRequest, bert: Path, tmp_path: Path) -> Path:
    METHODS[request.param](tmp_path, load_lm(str(bert)), [])
    return tmp_path


def test_an_encoder_reads_it(stored: Path, bert: Path, texts: list[str]) -> None:
    exact = encoder(bert).encode(texts)
    rows = encoder(stored).encode(texts)
    assert (rows - exact).norm() > 0
    assert F.cosine_similarity(rows, exact).min() > 0.98
    assert encoder(stored, num_layers=1).encode(texts).isfinite().all()


def test_weights_alone_are_rounded_by_half_a_step(bert: Path, tmp_path: Path) -> None:
    METHODS["torchao"](tmp_path, load_lm(str(bert)), [])
    pairs = zip(
        encoder(bert).backbone.network.modules(), encoder(tmp_path).backbone.network.modules(), strict=True
    )
    layers = [(exact, rounded) for exact, rounded in pairs if isinstance(exact, nn.Linear)]
    assert layers
    for exact, rounded in layers:
        unit = torch.eye(exact.in_features)  # what comes out is the matrix itself
        out = rounded(unit) - rounded.bias
        step = exact.weight.abs().amax(dim=1) / 127
        assert ((out - exact.weight.T).abs() <= 0.51 * step + 1e-6).all()


def test_what_is_counted_is_what_is_stored(stored: Path, bert: Path) -> None:
    counted, whole = encoder(stored).cost(), encoder(bert).cost()
    assert counted["lm_params"] == whole["lm_params"]
    tensors = load_file(stored / "model.safetensors")
    assert counted["lm_bytes"] == sum(
        tensor.nbytes for name, tensor in tensors.items() if not name.startswith("pooler.")
    )
    assert counted["lm_bytes"] < whole["lm_bytes"]


def test_nothing_else_is_done_to_it(stored: Path) -> None:
    with pytest.raises(InputError, match=r"expected float32 or bfloat16: torchao has .* in int8 already"):
        encoder(stored, dtype="int8").encode(["heat"])
    with pytest.raises(InputError, match=r"torchao has stored .* give the model that it was made from"):
        load_lm(str(stored))


@pytest.mark.parametrize("method", NAMES)
def test_a_form_of_our_own_is_refused(method: str, bert: Path, texts: list[str], tmp_path: Path) -> None:
    model = load_lm(str(bert))
    own, pruned, out = (tmp_path / name for name in ("own", "pruned", "out"))
    for folder in (own, pruned, out):
        folder.mkdir()
    write_own(own, load_lm(str(bert)), [])
    save_pruned(pruned, model.network, model.tokenizer, Pruning(heads=1).apply(model, texts))
    for folder in (own, pruned):
        with pytest.raises(InputError, match="torchao reads models in the form of transformers"):
            METHODS[method](out, load_lm(str(folder)), [])
    assert not list(out.iterdir())


def test_without_torchao_it_is_told_what_to_install(stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchao", None)
    with pytest.raises(InputError, match=r"pip install kgrec\[torchao\]"):
        encoder(stored).encode(["heat"])


def test_as_typed(
    bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["lm", "quantize", str(bert), "--out", "out", "--method", "torchao", "data=planted"]) == 0
    said = capfd.readouterr()
    assert "cosine to the parent, of " in said.out
    assert said.err == ""
    assert read_lineage(Path("out"))[-1].settings["method"] == "torchao"
    assert encoder(Path("out")).encode(["heat"]).any()
