"""Text features from any Hugging Face encoder or decoder, cut to as many layers as wanted."""

from collections.abc import Collection, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from kgrec.errors import InputError
from kgrec.progress import steps
from kgrec.text.backbone import Backbone, load_backbone, load_tokenizer, token_ids
from kgrec.text.batches import PLAIN, Speed, batches_of, padded
from kgrec.text.compiled import compile_layers
from kgrec.text.encoder import Cost
from kgrec.text.packing import blocks_of, can_pack, packed, reading_packed
from kgrec.text.pooling import POOLINGS, first_tokens
from kgrec.text.pretrained import find_model, fingerprint, read_config
from kgrec.text.vocabulary import kept_ids, name_of, reachable_ids, require_fitted

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "int8": torch.int8}
VOCABULARIES = ("full", "reachable", "cut")
DEVICES = ("auto", "cpu", "cuda")

Block = tuple[Tensor, Tensor]
"""States ``[n, T, D]`` of some texts of a batch, and the mask ``[n, T]``."""


class TransformerEncoder:
    """Pooled hidden states of a pretrained language model.

    The vector of a text is the pooled state after ``num_layers`` layers, ``hidden_states[num_layers]`` of
    the uncut model; where all layers are kept, a final norm (decoders have one) is applied, as in the
    model's own output. Texts longer than ``max_length`` tokens are cut, the special tokens kept. A text
    without any token gets zeros. Little padding or none is computed (:class:`kgrec.text.batches.Speed`).
    The model is loaded at the first :meth:`encode` or :meth:`cost`, in evaluation mode, its pooling head
    dropped; of an encoder–decoder model the encoder is taken.

    Sentence-BERT (mean pooling): https://aclanthology.org/D19-1410/ section 3.

    Args:
        model: see :func:`kgrec.text.pretrained.find_model`.
        num_layers: layers to keep, counted from the input; ``None`` = all. Layer 0 is
            :class:`kgrec.text.static.StaticEncoder`.
        pooling: mean | cls | max | last.
        max_length: tokens, special tokens included.
        batch_size: texts per batch; changes nothing but speed and rounding.
        dtype: float32 | bfloat16, of weights and computation, or int8, of embedding tables and the weights
            and inputs of linear layers (:mod:`kgrec.text.int8`; on the CPU); the result is float32.
        normalize: scale each vector to length 1.
        device: auto (CUDA where there is one) | cpu | cuda.
        prefix: put before every text, as some models were trained; counts in ``max_length``.
        vocabulary: full | reachable | cut; rows of the embedding table (:mod:`kgrec.text.vocabulary`).
            ``reachable`` leaves out those that no text can reach: every vector stays the same. ``cut`` keeps
            only those that the texts given to :meth:`fitted_to` need, special tokens and single characters:
            texts of those pieces give the same vectors; other words are read in smaller pieces.
        speed: batches, padding, compiling; changes nothing but speed and rounding.

    Raises:
        InputError: a setting out of range; on loading: no such model, too few layers, too few positions, a
            tokenizer that cannot be cut; a cut vocabulary that was never fitted; one that cannot be packed.
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
        prefix: str = "",  # defaults: configurations stored by earlier runs lack these three
        vocabulary: str = "full",
        speed: Speed = PLAIN,
    ) -> None:
        _check_choice("pooling", pooling, POOLINGS)
        _check_choice("dtype", dtype, DTYPES)
        _check_choice("device", device, DEVICES)
        _check_choice("vocabulary", vocabulary, VOCABULARIES)
        if num_layers is not None and num_layers < 1:
            raise InputError(
                f"num_layers: {num_layers} is less than 1; layer 0, the token embeddings, is StaticEncoder"
            )
        for name, value in (("max_length", max_length), ("batch_size", batch_size)):
            if value < 1:
                raise InputError(f"{name}: {value} is less than 1")
        if dtype == "int8" and device == "cuda":
            raise InputError("dtype: int8 computes on the CPU, but device is cuda; set device=cpu")
        if device == "cuda" and not torch.cuda.is_available():
            raise InputError("device: cuda is wanted, but torch sees no CUDA device; set cpu or auto")
        self.model = model
        self.num_layers = num_layers
        self.pooling = pooling
        self.max_length = max_length
        self.batch_size = batch_size
        self.dtype = dtype
        self.normalize = normalize
        self.device = torch.device(device if device != "auto" else _best_device(dtype))
        self.prefix = prefix
        self.vocabulary = vocabulary
        self.speed = speed
        self._kept: Tensor | None = None

    @cached_property
    def cache_key(self) -> str:
        """Content of the model folder and every setting but batch size, device and speed."""
        require_fitted(self.vocabulary, self._kept)
        settings = [self.num_layers, self.pooling, self.max_length, self.dtype, self.normalize]
        # only where they are used: keys of older caches stay
        settings += [f"prefix={self.prefix}"] if self.prefix else []
        settings += [f"vocabulary={name_of(self._kept)}"] if self._kept is not None else []
        return f"transformer/{fingerprint(self._folder)}/" + "/".join(map(str, settings))

    @property
    def dim(self) -> int:
        """Hidden size of the model."""
        return int(self.backbone.network.config.hidden_size)

    @property
    def depth(self) -> int:
        """Layers kept."""
        return self.backbone.depth

    def fitted_to(self, texts: Sequence[str]) -> "TransformerEncoder":
        """With a smaller vocabulary, an encoder that keeps its pieces, for ``cut`` those of these texts."""
        if self.vocabulary == "full":
            return self
        tokenizer = load_tokenizer(self._folder, self.max_length)
        pad_id = read_config(self._folder).get("pad_token_id")
        if self.vocabulary == "reachable":
            return self._with(self.num_layers, reachable_ids(tokenizer, pad_id))
        return self._with(self.num_layers, kept_ids(tokenizer, self.token_ids(tokenizer, texts), pad_id))

    def encode(self, texts: list[str]) -> Tensor:
        """Pooled states after the last kept layer, ``[N, dim]`` float32 on the CPU."""
        return self._pooled_states(texts, every_layer=False)[0]

    def cut(self, num_layers: int) -> "TransformerEncoder":
        """The same encoder with so many layers; shares nothing with this one."""
        return self._with(num_layers, self._kept)

    def _with(self, num_layers: int | None, kept: Tensor | None) -> "TransformerEncoder":
        other = TransformerEncoder(
            self.model,
            num_layers,
            self.pooling,
            self.max_length,
            self.batch_size,
            self.dtype,
            self.normalize,
            str(self.device),
            self.prefix,
            self.vocabulary,
            self.speed,
        )
        other._kept = kept
        return other

    def layer_states(self, texts: list[str]) -> dict[int, Tensor]:
        """Pooled states after 0 (the embeddings), 1, … :attr:`depth` layers in a single pass."""
        return dict(enumerate(self._pooled_states(texts, every_layer=True)))

    def cost(self) -> Cost:
        """Size of the cut model; see :data:`kgrec.text.encoder.Cost`."""
        return self.cost_at(self.depth)

    def cost_at(self, layer: int) -> Cost:
        """Size of the model if it were cut after ``layer`` layers; a final norm counts at every depth."""
        return self.backbone.cost(layer)

    @cached_property
    def _folder(self) -> Path:
        return find_model(self.model)

    @cached_property
    def backbone(self) -> Backbone:
        """The model and its tokenizer, loaded when first asked for."""
        require_fitted(self.vocabulary, self._kept)
        dtype = DTYPES[self.dtype]
        backbone = load_backbone(
            self._folder, self.num_layers, self.max_length, dtype, self.device, self._kept
        )
        if self.speed.compile:
            ids, mask = padded([[0, 1, 2], [0, 1]], self.device)
            with torch.no_grad():
                compile_layers(backbone, lambda: backbone.states(ids, mask, every_layer=False))
        return backbone

    def token_ids(self, tokenizer: Any, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text behind the prefix, special tokens included, cut to ``max_length``."""
        return token_ids(tokenizer, [self.prefix + text for text in texts], self.max_length)

    def token_states(self, texts: list[str], max_tokens: int) -> list[Tensor]:
        """States ``[T, dim]`` of the first ``max_tokens`` tokens of each text, scaled as their mean is."""
        found = [torch.zeros(0, self.dim)] * len(texts)
        for rows, blocks in self._batches(texts, every_layer=False):
            texts_of = [pair for block in blocks[0] for pair in zip(*block, strict=True)]
            for row, (states, mask) in zip(rows, texts_of, strict=True):
                found[row] = first_tokens(states[mask.bool()], max_tokens, self.normalize)
        return found

    def _pooled_states(self, texts: list[str], every_layer: bool) -> Tensor:
        """``[1, N, dim]``, or ``[depth + 1, N, dim]`` for every layer."""
        pooled = torch.zeros(self.depth + 1 if every_layer else 1, len(texts), self.dim)
        for rows, layers in self._batches(texts, every_layer):
            for layer, blocks in enumerate(layers):
                pooled[layer, rows] = torch.cat([POOLINGS[self.pooling](*block) for block in blocks]).cpu()
        return F.normalize(pooled, dim=-1) if self.normalize else pooled

    @torch.no_grad()
    def _batches(self, texts: list[str], every_layer: bool) -> Iterator[tuple[list[int], list[list[Block]]]]:
        """Rows of a batch, and for the last or every layer their states, in blocks of so many rows."""
        ids = self.token_ids(self.backbone.tokenizer, texts)
        batches = batches_of(ids, self._batching(), self.batch_size, self.speed.limit(self.device))
        for rows in steps(batches, "encoding texts", "batch"):
            yield rows, self._layers([ids[row] for row in rows], every_layer)

    def _layers(self, ids: list[list[int]], every_layer: bool) -> list[list[Block]]:
        if self._batching() != "packed":
            input_ids, mask = padded(ids, self.device)
            return [[(states, mask)] for states in self.backbone.states(input_ids, mask, every_layer)]
        input_ids, packing = packed(ids, self.device)
        with reading_packed(self.backbone.network):
            layers = self.backbone.states(input_ids, None, every_layer, **packing)
        return [
            [(states, states.new_ones(states.shape[:2])) for states in blocks_of(layer, packing["groups"])]
            for layer in layers
        ]

    def _batching(self) -> str:
        wanted = self.speed.batching
        possible = can_pack(self.backbone.network) and not self.speed.compile
        if wanted == "packed" and not possible:
            found = self.backbone.network.config.model_type
            raise InputError(
                f"speed.batching: packed needs a model of type bert without a prefix, found type {found}; "
                "set auto or length"
            )
        return ("packed" if possible else "length") if wanted == "auto" else wanted


def _best_device(dtype: str) -> str:
    return "cuda" if torch.cuda.is_available() and dtype != "int8" else "cpu"


def _check_choice(setting: str, value: str, choices: Collection[str]) -> None:
    if value not in choices:
        raise InputError(f"{setting}: {value!r} is none of {', '.join(choices)}")
