"""Text features from any Hugging Face encoder or decoder, cut to as many layers as wanted."""

from collections.abc import Collection
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence
from tqdm import tqdm

from kgrec.errors import InputError
from kgrec.text.backbone import Backbone, load_backbone, token_ids
from kgrec.text.encoder import Cost
from kgrec.text.pooling import POOLINGS
from kgrec.text.pretrained import find_model, fingerprint

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
DEVICES = ("auto", "cpu", "cuda")


class TransformerEncoder:
    """Pooled hidden states of a pretrained language model.

    The vector of a text is the pooled state after ``num_layers`` layers, ``hidden_states[num_layers]`` of
    the uncut model; where all layers are kept, a final norm (decoders have one) is applied, as in the
    model's own output. Texts longer than ``max_length`` tokens are cut, the special tokens kept. A text
    without any token gets zeros. Texts are batched by length, so little padding is computed. The model
    is loaded at the first :meth:`encode` or :meth:`cost`, in evaluation mode, its pooling head dropped;
    of an encoder–decoder model the encoder is taken.

    Sentence-BERT (mean pooling): https://aclanthology.org/D19-1410/ section 3.

    Args:
        model: see :func:`kgrec.text.pretrained.find_model`.
        num_layers: layers to keep, counted from the input; ``None`` = all. Layer 0 is
            :class:`kgrec.text.static.StaticEncoder`.
        pooling: mean | cls | max | last.
        max_length: tokens, special tokens included.
        batch_size: texts per batch; changes nothing but speed and rounding.
        dtype: float32 | bfloat16, of weights and computation; the result is float32.
        normalize: scale each vector to length 1.
        device: auto (CUDA where there is one) | cpu | cuda.

    Raises:
        InputError: a setting out of range; on loading: no such model, too few layers, too few positions.
    """

    def __init__(
        self,
        model: str,
        num_layers: int | None,
        pooling: str,
        max_length: int,
        batch_size: int,
        dtype: str,
        normalize: bool,
        device: str,
    ) -> None:
        _check_choice("pooling", pooling, POOLINGS)
        _check_choice("dtype", dtype, DTYPES)
        _check_choice("device", device, DEVICES)
        if num_layers is not None and num_layers < 1:
            raise InputError(
                f"num_layers: {num_layers} is less than 1; layer 0, the token embeddings, is StaticEncoder"
            )
        for name, value in (("max_length", max_length), ("batch_size", batch_size)):
            if value < 1:
                raise InputError(f"{name}: {value} is less than 1")
        if device == "cuda" and not torch.cuda.is_available():
            raise InputError("device: cuda is wanted, but torch sees no CUDA device; set cpu or auto")
        self.model = model
        self.num_layers = num_layers
        self.pooling = pooling
        self.max_length = max_length
        self.batch_size = batch_size
        self.dtype = dtype
        self.normalize = normalize
        self.device = torch.device(device if device != "auto" else _best_device())

    @cached_property
    def cache_key(self) -> str:
        """Content of the model folder and every setting but batch size and device."""
        settings = (self.num_layers, self.pooling, self.max_length, self.dtype, self.normalize)
        return f"transformer/{fingerprint(self._folder)}/" + "/".join(map(str, settings))

    @property
    def dim(self) -> int:
        """Hidden size of the model."""
        return int(self._backbone.network.config.hidden_size)

    @property
    def depth(self) -> int:
        """Layers kept."""
        return self._backbone.depth

    def encode(self, texts: list[str]) -> Tensor:
        """Pooled states after the last kept layer, ``[N, dim]`` float32 on the CPU."""
        return self._pooled_states(texts, every_layer=False)[0]

    def cut(self, num_layers: int) -> "TransformerEncoder":
        """The same encoder with so many layers; shares nothing with this one."""
        return TransformerEncoder(
            self.model,
            num_layers,
            self.pooling,
            self.max_length,
            self.batch_size,
            self.dtype,
            self.normalize,
            str(self.device),
        )

    def layer_states(self, texts: list[str]) -> dict[int, Tensor]:
        """Pooled states after 0 (the embeddings), 1, … :attr:`depth` layers in a single pass."""
        return dict(enumerate(self._pooled_states(texts, every_layer=True)))

    def cost(self) -> Cost:
        """Size of the cut model; see :data:`kgrec.text.encoder.Cost`."""
        return self.cost_at(self.depth)

    def cost_at(self, layer: int) -> Cost:
        """Size of the model if it were cut after ``layer`` layers; a final norm counts at every depth."""
        tables, outside, layers = self._backbone.parameter_counts()
        without = outside + sum(layers[:layer])
        total = tables + without
        return {
            "lm_params": total,
            "lm_params_without_embeddings": without,
            "lm_bytes": total * DTYPES[self.dtype].itemsize,
        }

    @cached_property
    def _folder(self) -> Path:
        return find_model(self.model)

    @cached_property
    def _backbone(self) -> Backbone:
        return load_backbone(self._folder, self.num_layers, self.max_length, DTYPES[self.dtype], self.device)

    @torch.no_grad()
    def _pooled_states(self, texts: list[str], every_layer: bool) -> Tensor:
        """``[1, N, dim]``, or ``[depth + 1, N, dim]`` for every layer."""
        ids = token_ids(self._backbone.tokenizer, texts, self.max_length)
        # longest first: memory runs out at once or never
        order = sorted((row for row, tokens in enumerate(ids) if tokens), key=lambda row: -len(ids[row]))
        pooled = torch.zeros(self.depth + 1 if every_layer else 1, len(texts), self.dim)
        starts = range(0, len(order), self.batch_size)
        for start in tqdm(starts, desc="encoding texts", unit="batch", disable=None, delay=2):
            rows = order[start : start + self.batch_size]
            batch = [torch.tensor(ids[row], device=self.device) for row in rows]
            # padded on the right with id 0: any id will do, since the mask hides it
            input_ids = pad_sequence(batch, batch_first=True)
            mask = pad_sequence([torch.ones_like(tokens) for tokens in batch], batch_first=True)
            for layer, states in enumerate(self._backbone.states(input_ids, mask, every_layer)):
                pooled[layer, rows] = POOLINGS[self.pooling](states, mask).cpu()
        return F.normalize(pooled, dim=-1) if self.normalize else pooled


def _best_device() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"


def _check_choice(setting: str, value: str, choices: Collection[str]) -> None:
    if value not in choices:
        raise InputError(f"{setting}: {value!r} is none of {', '.join(choices)}")
