"""Text features from the token embeddings of a language model alone: layer 0, no transformer."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor
from torch.nn import functional as F

from kgrec.errors import InputError
from kgrec.text.backbone import load_tokenizer, token_ids
from kgrec.text.encoder import Cost
from kgrec.text.int8 import Int8Rows, dequantized
from kgrec.text.pooling import first_tokens
from kgrec.text.pretrained import find_model, fingerprint, read_config
from kgrec.text.vocabulary import kept_ids, name_of, require_fitted, restrict

VOCABULARIES = ("full", "corpus", "cut")
DTYPES = ("float32", "int8")
_TEXTS_PER_STEP = 128  # bounds memory: 128 texts of 512 tokens, 384 wide, take 100 MB
_WORDS = (
    "word_embeddings.weight",
    "wte.weight",
    "embed_tokens.weight",
    "tok_embeddings.weight",
    "shared.weight",
)
_POSITIONS = ("position_embeddings.weight", "wpe.weight")
_TYPES = ("token_type_embeddings.weight",)
_SCALE = ("embeddings.LayerNorm.weight", "embeddings.LayerNorm.gamma", "embeddings.norm.weight")
_SHIFT = ("embeddings.LayerNorm.bias", "embeddings.LayerNorm.beta", "embeddings.norm.bias")
# Models whose position ids start behind the padding id, as fairseq had it.
_POSITIONS_AFTER_PADDING = {"roberta", "xlm-roberta", "camembert", "mpnet", "longformer"}


class StaticEncoder:
    """Mean of a text's token embeddings.

    Each token gives LayerNorm(word + position + type), as far as the model has those tables: for BERT
    and its kin, GPT-2 and models with rotary positions this is ``hidden_states[0]``, mean-pooled over
    all tokens, special ones included. A model that does more to its embeddings (a scale, a projection)
    is read without it. Only these tables are read from the safetensors, so no layer is ever loaded.
    Texts longer than ``max_length`` tokens are cut; a text without any token gets zeros.

    Args:
        model: see :func:`kgrec.text.pretrained.find_model`.
        max_length: tokens, special tokens included.
        normalize: scale each vector to length 1.
        vocabulary: full | corpus | cut; ``corpus`` keeps only the word rows of tokens that the texts encoded
            so far contain. The vectors are the same, the model is smaller. ``cut`` keeps those of the texts
            given to :meth:`fitted_to`, special tokens and single characters, and reads other words in
            smaller pieces (:mod:`kgrec.text.vocabulary`): what a model does that is used on texts to come.
        dtype: float32 | int8, of the tables (:mod:`kgrec.text.int8`); sums are float32.

    Raises:
        InputError: a setting out of range; on loading: no such model, no table, too few positions, a
            tokenizer that cannot be cut; a cut vocabulary that was never fitted.
    """

    def __init__(
        self,
        model: str,
        max_length: int,
        normalize: bool,
        vocabulary: str,
        dtype: str = "float32",  # a default: configurations stored by earlier runs lack it
    ) -> None:
        if vocabulary not in VOCABULARIES:
            raise InputError(f"vocabulary: {vocabulary!r} is none of {', '.join(VOCABULARIES)}")
        if dtype not in DTYPES:
            raise InputError(f"dtype: {dtype!r} is none of {', '.join(DTYPES)}")
        if max_length < 1:
            raise InputError(f"max_length: {max_length} is less than 1")
        self.model = model
        self.max_length = max_length
        self.normalize = normalize
        self.vocabulary = vocabulary
        self.dtype = dtype
        self._kept: Tensor | None = None

    @cached_property
    def cache_key(self) -> str:
        """Content of the model folder and every setting; vocabulary ``corpus`` changes the cost alone."""
        require_fitted(self.vocabulary, self._kept)
        settings = [self.max_length, self.normalize, self.vocabulary]
        # only where they are used: keys of older caches stay
        settings += [name_of(self._kept)] if self.vocabulary == "cut" and self._kept is not None else []
        settings += [self.dtype] if self.dtype != "float32" else []
        return f"static/{fingerprint(self._folder)}/" + "/".join(map(str, settings))

    @property
    def dim(self) -> int:
        """Width of the word table."""
        return self._tables.words.shape[1]

    def fitted_to(self, texts: Sequence[str]) -> "StaticEncoder":
        """With vocabulary ``cut``, an encoder that keeps the pieces of these texts; else itself."""
        if self.vocabulary != "cut":
            return self
        tokenizer = load_tokenizer(self._folder, self.max_length)
        pad_id = read_config(self._folder).get("pad_token_id")
        other = StaticEncoder(self.model, self.max_length, self.normalize, self.vocabulary, self.dtype)
        other._kept = kept_ids(tokenizer, token_ids(tokenizer, list(texts), self.max_length), pad_id)
        return other

    def encode(self, texts: list[str]) -> Tensor:
        """Mean token embeddings ``[N, dim]`` float32."""
        ids = self._token_ids(texts)
        means = torch.zeros(len(texts), self.dim)
        for start in range(0, len(texts), _TEXTS_PER_STEP):
            step = slice(start, start + _TEXTS_PER_STEP)
            means[step] = _mean_rows(self._tables, ids[step], self._kept)
        return F.normalize(means, dim=-1) if self.normalize else means

    def token_states(self, texts: list[str], max_tokens: int) -> list[Tensor]:
        """Embeddings ``[T, dim]`` of the first ``max_tokens`` tokens of each text, scaled as its mean is."""
        ids, found = self._token_ids(texts), []
        for start in range(0, len(texts), _TEXTS_PER_STEP):
            step = ids[start : start + _TEXTS_PER_STEP]
            states = _token_rows(self._tables, step, self._kept)
            for own in states.split([len(tokens) for tokens in step]):
                found.append(first_tokens(own, max_tokens, self.normalize))
        return found

    def _token_ids(self, texts: list[str]) -> list[list[int]]:
        """Tokens of each text; vocabulary ``corpus`` keeps their rows from now on."""
        ids = token_ids(self._tokenizer, texts, self.max_length)
        if self.vocabulary == "corpus":
            used = torch.tensor(sorted(set(chain.from_iterable(ids))), dtype=torch.int64)
            self._kept = used if self._kept is None else torch.cat([self._kept, used]).unique()
            self._tables = self._load_tables()
        return ids

    def cost(self) -> Cost:
        """Size of the tables; with vocabulary ``corpus`` as they stand after the last :meth:`encode`."""
        _ = self._tokenizer  # loaded here, so that the rate of the first encode is of encoding alone
        norm = sum(part.numel() for part in (self._tables.scale, self._tables.shift) if part is not None)
        tables = (self._tables.words, self._tables.positions, self._tables.types)
        lookup = [table for table in tables if table is not None]
        return {
            "lm_params": norm + sum(table.numel() for table in lookup),
            "lm_params_without_embeddings": norm,
            "lm_bytes": norm * torch.float32.itemsize + sum(table.nbytes for table in lookup),
        }

    @cached_property
    def _folder(self) -> Path:
        return find_model(self.model)

    @cached_property
    def _tokenizer(self) -> Any:
        require_fitted(self.vocabulary, self._kept)
        tokenizer = load_tokenizer(self._folder, self.max_length)
        if self.vocabulary == "cut" and self._kept is not None:
            restrict(tokenizer, self._kept)
        return tokenizer

    @cached_property
    def _tables(self) -> "_Tables":
        return self._load_tables()

    def _load_tables(self) -> "_Tables":
        require_fitted(self.vocabulary, self._kept)
        tables = _read_tables(self._folder, self.max_length)
        if self._kept is not None:
            tables = replace(tables, words=tables.words[self._kept])
        return tables.in_int8() if self.dtype == "int8" else tables


@dataclass(frozen=True)
class _Tables:
    """Embedding tables in float32 or int8; ``None`` where a model has no such table.

    Attributes:
        words: ``[V, D]``.
        positions: ``[P, D]``, from the first position that a token can have.
        types: ``[2, D]``; a single text is of type 0.
        scale, shift: ``[D]`` of the LayerNorm.
        eps: of the LayerNorm.
    """

    words: Tensor | Int8Rows
    positions: Tensor | Int8Rows | None
    types: Tensor | Int8Rows | None
    scale: Tensor | None
    shift: Tensor | None
    eps: float

    def in_int8(self) -> "_Tables":
        """The same with its lookup tables in int8."""
        return replace(
            self,
            words=_in_int8(self.words),
            positions=None if self.positions is None else _in_int8(self.positions),
            types=None if self.types is None else _in_int8(self.types),
        )


def _in_int8(table: Tensor | Int8Rows) -> Int8Rows:
    return table if isinstance(table, Int8Rows) else Int8Rows.of(table)


def _token_rows(tables: _Tables, ids: list[list[int]], row_of: Tensor | None) -> Tensor:
    """Embedding of every token ``[ΣT, D]``; ``row_of`` maps word rows to token ids, ascending."""
    lengths = torch.tensor([len(tokens) for tokens in ids])
    tokens = torch.tensor(list(chain.from_iterable(ids)), dtype=torch.int64)
    states = tables.words[tokens if row_of is None else torch.searchsorted(row_of, tokens)]
    if tables.positions is not None:
        starts = (lengths.cumsum(0) - lengths).repeat_interleave(lengths)
        states = states + tables.positions[torch.arange(len(tokens)) - starts]
    if tables.types is not None:
        states = states + tables.types[0]
    if tables.scale is not None:
        states = F.layer_norm(states, states.shape[1:], tables.scale, tables.shift, tables.eps)
    return states


def _mean_rows(tables: _Tables, ids: list[list[int]], row_of: Tensor | None) -> Tensor:
    """Mean embedding of each token list ``[n, D]``."""
    states = _token_rows(tables, ids, row_of)
    lengths = torch.tensor([len(tokens) for tokens in ids])
    owner = torch.arange(len(ids)).repeat_interleave(lengths)
    sums = torch.zeros(len(ids), states.shape[1]).index_add_(0, owner, states)
    return sums / lengths.clamp(min=1).unsqueeze(1)


def _read_tables(folder: Path, max_length: int) -> _Tables:
    """Read the tables and nothing else out of a model's safetensors."""
    file_of: dict[str, Path] = {}
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, framework="pt") as file:
            file_of.update(dict.fromkeys(file.keys(), path))

    def read(suffixes: tuple[str, ...]) -> Tensor | None:
        name = _shortest_match(file_of, suffixes)
        if name is None:
            return None
        with safe_open(file_of[name], framework="pt") as file:
            tensor = file.get_tensor(name)
            if tensor.dtype != torch.int8:
                return tensor.float()
            scale = f"{name.removesuffix('weight')}scale"
            return dequantized({name: tensor, scale: file.get_tensor(scale)})[name]

    words, positions = read(_WORDS), read(_POSITIONS)
    if words is None:
        raise InputError(f"model: {folder} has no embedding table named {' or '.join(_WORDS)}")
    config = read_config(folder)
    if positions is not None and config["model_type"] in _POSITIONS_AFTER_PADDING:
        positions = positions[config["pad_token_id"] + 1 :]
    if positions is not None and max_length > len(positions):
        raise InputError(f"max_length: {max_length} is more than the {len(positions)} positions of {folder}")
    eps = config.get("layer_norm_eps", config.get("norm_eps", 1e-12))
    return _Tables(words, positions, read(_TYPES), read(_SCALE), read(_SHIFT), eps)


def _shortest_match(names: Iterable[str], suffixes: tuple[str, ...]) -> str | None:
    """The outermost tensor named so: an encoder's table rather than a nested part's."""
    matches = (name for name in names if f".{name}".endswith(tuple(f".{suffix}" for suffix in suffixes)))
    return min(matches, key=len, default=None)
