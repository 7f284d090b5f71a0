"""A language model in another form, read back and compared."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from kgrec.errors import InputError
from kgrec.lm.folder import LanguageModel, require_memory
from kgrec.progress import doing
from kgrec.text.backbone import OWN, Backbone, quiet
from kgrec.text.encoder import TextEncoder
from kgrec.text.onnx import MODEL_FILE, OnnxEncoder

OPSET = 17
"""Version of ONNX's set of operators; read by every onnxruntime since 1.12."""
TEXTS = (
    "Heat",
    "Toy Story (1995)",
    "The Good, the Bad and the Ugly",
    "A crime drama about a detective who hunts a careful thief, told over a long night in Los Angeles.",
)
"""Texts of different lengths, compared where no dataset is named."""

_LARGEST = 2**31


class _States(nn.Module):
    """The two inputs by position, and one tensor as output: what an exported graph has."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, input_ids: Tensor, mask: Tensor) -> Tensor:
        states: Tensor = self.network(input_ids=input_ids, attention_mask=mask).last_hidden_state
        return states


def write_onnx(folder: Path, model: LanguageModel) -> None:
    """Write ``model.onnx`` (float32), ``config.json`` and the tokenizer; texts and lengths stay free.

    The exporter that traces is used: the newer one needs a further package, onnxscript.

    Raises:
        InputError: a model beyond 2 GB, which ONNX cannot keep in one file; onnx is not installed; an
            architecture that cannot be traced.
    """
    size = sum(parameter.numel() for parameter in model.network.parameters()) * 4
    if size > _LARGEST:
        raise InputError(
            f"model: {model.name} has {size / 1e9:.1f} GB of weights, expected at most 2 GB for ONNX"
        )
    require_memory(4 * size, "exporting to ONNX")
    doing("exporting to ONNX")
    encoded = model.tokenizer(list(TEXTS[:2]))["input_ids"]
    length = max(map(len, encoded))
    ids = torch.tensor([[*tokens, *[0] * (length - len(tokens))] for tokens in encoded])
    mask = torch.tensor([[1] * len(tokens) + [0] * (length - len(tokens)) for tokens in encoded])
    names = ["input_ids", "attention_mask", "last_hidden_state"]
    with torch.no_grad(), quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the tracer: values that are constants, and are
        try:
            torch.onnx.export(
                _States(model.network).eval(),
                (ids, mask),
                str(folder / MODEL_FILE),
                input_names=names[:2],
                output_names=names[2:],
                dynamic_axes={name: {0: "batch", 1: "tokens"} for name in names},
                opset_version=OPSET,
                dynamo=False,
            )
        except (RuntimeError, ImportError, ValueError) as error:  # among them torch.onnx's own
            reason = str(error).strip().partition("\n")[0]
            raise InputError(f"model: {model.name} cannot be exported to ONNX ({reason})") from error
    write_settings(folder, model, "float32")


def write_settings(folder: Path, model: LanguageModel, stored: str) -> None:
    """``config.json`` with the size of the network, and the tokenizer, beside an ONNX file."""
    whole = Backbone(model.network, model.tokenizer, nn.ModuleList(), 0, False, None).cost(0)
    size = {name: whole[name] for name in ("lm_params", "lm_params_without_embeddings")}
    own = getattr(model.network.config, OWN, {})
    setattr(model.network.config, OWN, {**own, **size, "stored": stored})
    try:
        model.network.config.save_pretrained(folder)
    finally:
        setattr(model.network.config, OWN, own)
    with quiet():
        model.tokenizer.save_pretrained(folder)


def onnx_encoder(folder: Path, max_length: int, pooling: str) -> OnnxEncoder:
    """The encoder of an exported model, its vectors scaled to length 1."""
    return OnnxEncoder(str(folder), pooling, max_length, 64, True, "")


def largest_difference(before: TextEncoder, after: TextEncoder, texts: Sequence[str]) -> float:
    """Largest absolute difference of any number in the vectors of the texts."""
    doing("reading it back")
    return float((before.encode(list(texts)) - after.encode(list(texts))).abs().max())
