"""Layers through torch.compile: the same vectors, and the way back where it fails."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from kgrec.errors import InputError
from kgrec.text.batches import Speed
from kgrec.text.transformer import TransformerEncoder


def encoder(folder: Path, is_compiled: bool) -> TransformerEncoder:
    speed = Speed("length", None, is_compiled)
    return TransformerEncoder(str(folder), 2, "mean", 32, 3, "float32", False, "cpu", speed=speed)


@pytest.mark.skipif(shutil.which("g++") is None, reason="needs a C++ compiler")
def test_compiled_layers_give_the_same_vectors(bert: Path, texts: list[str]) -> None:
    compiled = encoder(bert, is_compiled=True)
    expected = encoder(bert, is_compiled=False).encode(texts)
    torch.testing.assert_close(compiled.encode(texts), expected, rtol=1e-4, atol=1e-5)
    assert all("forward" in vars(layer) for layer in compiled.backbone.layers)


def test_without_a_compiler_one_line_says_so_and_the_layers_stay_plain(
    bert: Path, texts: list[str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def without(_forward: Callable[..., Any], **_options: Any) -> Callable[..., Any]:
        def fail(*_inputs: Any, **_others: Any) -> Any:
            raise RuntimeError("No working C++ compiler found\nand a long tale")

        return fail

    monkeypatch.setattr(torch, "compile", without)
    compiled = encoder(bert, is_compiled=True)
    torch.testing.assert_close(compiled.encode(texts), encoder(bert, is_compiled=False).encode(texts))
    (line,) = [record.getMessage() for record in caplog.records if "compile" in record.getMessage()]
    assert line == (
        "speed.compile: torch.compile failed (No working C++ compiler found); going on without it"
    )


def test_packed_rows_are_not_compiled() -> None:
    with pytest.raises(InputError, match=r"speed\.compile: packed rows are not compiled"):
        Speed("packed", None, True)
