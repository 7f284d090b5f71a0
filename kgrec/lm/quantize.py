"""A language model with its weights in 8 bits, in the project's own form, in ONNX's or in torchao's."""

import logging
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from kgrec.errors import InputError
from kgrec.lm.export import write_onnx, write_settings
from kgrec.lm.folder import LanguageModel
from kgrec.progress import doing
from kgrec.text.added import ADAPTER, PREFIX
from kgrec.text.backbone import OWN, quiet, token_ids
from kgrec.text.batches import length_batches, padded
from kgrec.text.int8 import quantize
from kgrec.text.onnx import MODEL_FILE
from kgrec.text.pretrained import read_config
from kgrec.text.torchao import torchao

CALIBRATION_TEXTS = 128
"""Texts by which a static quantisation chooses its ranges, taken evenly from all."""
CALIBRATION_BATCH = 16

_OPERATORS = ["MatMul", "Gather"]


def write_own(folder: Path, model: LanguageModel, texts: Sequence[str]) -> None:
    """Tables and linear layers as whole numbers with a scale for each row: :mod:`kgrec.text.int8`.

    With ``dtype=int8`` the encoder multiplies whole numbers; with ``float32`` the same weights are put back
    into floats, so that only the weights are rounded, and any device will do.

    Raises:
        InputError: a model without linear layers of torch's own class.
    """
    network = model.network
    if not quantize(network):
        raise InputError(f"model: {model.name} has no linear layers of torch's own class to put int8 in")
    setattr(network.config, OWN, {**getattr(network.config, OWN, {}), "stored": "int8"})
    network.config.save_pretrained(folder)
    weights = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with quiet():
        model.tokenizer.save_pretrained(folder)


def write_dynamic(folder: Path, model: LanguageModel, texts: Sequence[str]) -> None:
    """ONNX with weights in int8 for each channel; activations get their scale as they come."""
    library = _library()

    def convert(source: Path, target: Path) -> None:
        library.quantize_dynamic(
            source,
            target,
            **_weights(library),
        )

    _write_quantized(folder, model, "dynamic", convert)


def write_static(folder: Path, model: LanguageModel, texts: Sequence[str]) -> None:
    """ONNX with weights and activations in int8; the latter by their ranges on :data:`CALIBRATION_TEXTS`."""
    library = _library()
    sample = list(texts)[:: max(1, -(-len(texts) // CALIBRATION_TEXTS))]

    def convert(source: Path, target: Path) -> None:
        library.quantize_static(
            source,
            target,
            _reader(library, model, sample),
            **_weights(library),
            activation_type=library.QuantType.QUInt8,
            # a product of two activations, as attention has them, loses more than it saves
            extra_options={"MatMulConstBOnly": True},
        )

    _write_quantized(folder, model, "static", convert)


def _weights(library: Any) -> dict[str, Any]:
    """How both ONNX forms store weights: a scale for each channel, and 7 of the 8 bits.

    Processors without VNNI sum pairs of products in 16 bits, which two full bytes overflow: vectors would be
    right on one machine and wrong on the next.
    """
    return {
        "op_types_to_quantize": _OPERATORS,
        "per_channel": True,
        "weight_type": library.QuantType.QInt8,
        "reduce_range": True,
    }


def write_torchao(folder: Path, model: LanguageModel, texts: Sequence[str], activations: bool) -> None:
    """Linear layers by torchao, each output channel with its scale; tables stay as they are.

    Args:
        folder: written.
        model: in the form of transformers, whose loader does it.
        texts: none is needed.
        activations: whether they are rounded too, each token by its own scale as it comes, and multiplied in
            whole numbers; else the weights are put back into floats.

    Raises:
        InputError: a model that transformers has no form for, or torchao is not there.
    """
    from transformers import AutoModel, TorchAoConfig

    own = {OWN, ADAPTER, PREFIX} & read_config(model.folder).keys()
    if own:
        raise InputError(
            f"--method: torchao reads models in the form of transformers, and {model.name} has pruned heads, "
            "adapters or int8 of kgrec's own; expected own, dynamic or static"
        )
    library = torchao()
    chosen = library.Int8DynamicActivationInt8WeightConfig if activations else library.Int8WeightOnlyConfig
    with quiet(), torch.random.fork_rng(devices=[]):
        network = AutoModel.from_pretrained(
            model.folder,
            dtype=torch.float32,
            local_files_only=True,
            quantization_config=TorchAoConfig(chosen(), modules_to_not_convert=["pooler"]),
        )
        network.save_pretrained(folder)
        model.tokenizer.save_pretrained(folder)


METHODS: dict[str, Callable[[Path, LanguageModel, Sequence[str]], None]] = {
    "own": write_own,
    "dynamic": write_dynamic,
    "static": write_static,
    "torchao": partial(write_torchao, activations=False),
    "torchao_dynamic": partial(write_torchao, activations=True),
}
"""The values of ``kgrec lm quantize --method``; each writes all of a folder but its lineage."""


def _write_quantized(
    folder: Path, model: LanguageModel, stored: str, convert: Callable[[Path, Path], None]
) -> None:
    """Export in float32, convert, and leave the result alone."""
    exact = folder / "float32.onnx"
    write_onnx(folder, model)
    (folder / MODEL_FILE).rename(exact)
    level = logging.getLogger().level
    doing(f"quantising, {stored}")
    logging.getLogger().setLevel(logging.ERROR)  # onnxruntime's advice goes through the root logger
    try:
        convert(exact, folder / MODEL_FILE)
    finally:
        logging.getLogger().setLevel(level)
        exact.unlink()
    write_settings(folder, model, stored)


def _library() -> Any:
    try:
        from onnxruntime import quantization
    except ImportError as error:
        raise InputError(
            f"--method: dynamic and static need onnx and onnxruntime ({error}); pip install onnx onnxruntime"
        ) from error
    return quantization


def _reader(library: Any, model: LanguageModel, texts: Sequence[str]) -> Any:
    """The texts as onnxruntime's calibration asks for them."""
    ids = token_ids(model.tokenizer, list(texts), model.max_length)

    def feeds() -> Iterator[dict[str, Any]]:
        for rows in length_batches(ids, CALIBRATION_BATCH):
            input_ids, mask = padded([ids[row] for row in rows], torch.device("cpu"))
            yield {"input_ids": input_ids.numpy(), "attention_mask": mask.numpy()}

    class Reader(library.CalibrationDataReader):
        """One batch after the other, then ``None``."""

        def __init__(self) -> None:
            self._feeds = feeds()

        def get_next(self) -> dict[str, Any] | None:
            return next(self._feeds, None)

    return Reader()
