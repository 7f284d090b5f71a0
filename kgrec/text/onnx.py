"""Text features from a model in ONNX form, computed by onnxruntime; quantised ones too."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from kgrec.errors import InputError
from kgrec.progress import steps
from kgrec.text.backbone import OWN, load_tokenizer, token_ids
from kgrec.text.batches import CPU_TOKENS, batches_of, padded
from kgrec.text.encoder import Cost
from kgrec.text.pooling import POOLINGS
from kgrec.text.pretrained import find_model, fingerprint, read_config

MODEL_FILE = "model.onnx"
"""With inputs ``input_ids`` and ``attention_mask`` ``[B, T]`` and the output ``last_hidden_state``."""


class OnnxEncoder:
    """Pooled hidden states of a model that ``kgrec lm export`` or ``kgrec lm quantize`` wrote in ONNX form.

    As :class:`kgrec.text.transformer.TransformerEncoder` with all layers, but for the library that
    computes: pooling, texts that are too long, empty texts and batches by length are the same. Of a
    dynamically quantised model each text is read alone, because onnxruntime scales the activations of a
    batch by their common range (``DynamicQuantizeLinear``), and a text's vector is to be its own. Computes
    with as many threads as torch; on a GPU where the installed onnxruntime has one.

    Args:
        model: a folder with ``model.onnx``, ``config.json`` and a tokenizer.
        pooling: mean | cls | max | last.
        max_length: tokens, special tokens included.
        batch_size: texts per batch; changes nothing but speed and rounding.
        normalize: scale each vector to length 1.
        prefix: put before every text, as some models were trained; counts in ``max_length``.

    Raises:
        InputError: a setting out of range; on loading: no such model, onnxruntime not installed.
    """

    def __init__(
        self, model: str, pooling: str, max_length: int, batch_size: int, normalize: bool, prefix: str
    ) -> None:
        if pooling not in POOLINGS:
            raise InputError(f"pooling: {pooling!r} is none of {', '.join(POOLINGS)}")
        for name, value in (("max_length", max_length), ("batch_size", batch_size)):
            if value < 1:
                raise InputError(f"{name}: {value} is less than 1")
        self.model = model
        self.pooling = pooling
        self.max_length = max_length
        self.batch_size = batch_size
        self.normalize = normalize
        self.prefix = prefix

    @cached_property
    def cache_key(self) -> str:
        """Content of the model folder and every setting but batch size."""
        settings = [self.pooling, self.max_length, self.normalize, f"prefix={self.prefix}"]
        return f"onnx/{fingerprint(self._folder)}/" + "/".join(map(str, settings))

    @property
    def dim(self) -> int:
        """Hidden size of the model."""
        return int(self._session.get_outputs()[0].shape[-1])

    def fitted_to(self, texts: Sequence[str]) -> "OnnxEncoder":
        """Itself: its vocabulary is whole."""
        return self

    def encode(self, texts: list[str]) -> Tensor:
        """Pooled states after the last layer, ``[N, dim]`` float32."""
        ids = token_ids(self._tokenizer, [self.prefix + text for text in texts], self.max_length)
        pooled = torch.zeros(len(texts), self.dim)
        is_dynamic = self._own.get("stored") == "dynamic"
        on_cpu = "CUDAExecutionProvider" not in self._session.get_providers()
        size = 1 if is_dynamic else self.batch_size
        batches = batches_of(ids, "length", size, CPU_TOKENS if on_cpu else None)
        for rows in steps(batches, "encoding texts", "batch"):
            input_ids, mask = padded([ids[row] for row in rows], torch.device("cpu"))
            feed = {"input_ids": input_ids.numpy(), "attention_mask": mask.numpy()}
            states = torch.from_numpy(self._session.run(["last_hidden_state"], feed)[0])
            pooled[rows] = POOLINGS[self.pooling](states, mask)
        return F.normalize(pooled, dim=-1) if self.normalize else pooled

    def cost(self) -> Cost:
        """Parameters of the model that was exported, and the bytes of the file."""
        _ = (
            self._session,
            self._tokenizer,
        )  # loaded here, so that the rate of the first encode is of that alone
        return {
            "lm_params": self._own["lm_params"],
            "lm_params_without_embeddings": self._own["lm_params_without_embeddings"],
            "lm_bytes": (self._folder / MODEL_FILE).stat().st_size,
        }

    @cached_property
    def _folder(self) -> Path:
        return find_model(self.model, MODEL_FILE)

    @cached_property
    def _own(self) -> dict[str, Any]:
        """What the export says of the model."""
        own: dict[str, Any] = read_config(self._folder).get(OWN, {})
        if "lm_params" not in own:
            raise InputError(
                f"model: {self.model} was not exported by kgrec lm; its config.json has no {OWN} entry"
            )
        return own

    @cached_property
    def _tokenizer(self) -> Any:
        return load_tokenizer(self._folder, self.max_length)

    @cached_property
    def _session(self) -> Any:
        try:
            import onnxruntime
        except ImportError as error:
            raise InputError(
                "lm: an ONNX model needs onnxruntime, which is not installed; pip install onnxruntime"
            ) from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        wanted = ("CUDAExecutionProvider", "CPUExecutionProvider")
        offered = [name for name in wanted if name in onnxruntime.get_available_providers()]
        try:
            return onnxruntime.InferenceSession(str(self._folder / MODEL_FILE), options, providers=offered)
        except Exception as error:  # its own classes have no common base but this
            raise InputError(
                f"model: {self._folder / MODEL_FILE} does not load ({str(error).strip()[:200]})"
            ) from error
