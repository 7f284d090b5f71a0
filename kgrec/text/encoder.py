"""From item texts to text features: the encoder's contract, and the cache that every encoder shares."""

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from kgrec.text.store import VectorStore

FORMAT_VERSION = 2
"""Raised whenever the meaning of a cache file changes: older files are then never read again."""

Cost = dict[str, float]
"""``lm_params``, ``lm_params_without_embeddings`` (parameters that are not rows of a lookup table),
``lm_bytes``, and where it was measured ``encode_items_per_s``."""


class TextEncoder(Protocol):
    """What ``conf/lm/*.yaml`` builds: a function from texts to vectors."""

    @property
    def dim(self) -> int:
        """Width of a row."""
        ...

    @property
    def cache_key(self) -> str:
        """Names everything but the texts that changes the rows; cheap: no model is loaded for it."""
        ...

    def fitted_to(self, texts: Sequence[str]) -> "TextEncoder":
        """The encoder as these texts decide it: itself, unless its vocabulary is cut to theirs."""
        ...

    def encode(self, texts: list[str]) -> Tensor:
        """``[N, dim]`` rows of non-empty texts; a row depends on its own text only.

        A row of zeros says that the encoder found nothing in the text.
        """
        ...

    def cost(self) -> Cost:
        """Size of the language model; see :data:`Cost`."""
        ...


@dataclass(frozen=True)
class TextFeatures:
    """Text features of the items.

    Attributes:
        embeddings: ``[I, D_text]`` float32; zero rows where there is no text.
        has_text: ``[I]`` bool, False where the text is empty or the encoder found nothing in it.
        cost: see :data:`Cost`; ``encode_items_per_s`` is that of the run that put most texts into the cache.
    """

    embeddings: Tensor
    has_text: Tensor
    cost: Cost


def encode_items(encoder: TextEncoder, texts: Sequence[str], cache_dir: Path) -> TextFeatures:
    """Encode the items' texts, as far as the cache lacks them.

    Empty texts are never encoded; equal texts are encoded once, and again only for another encoder.

    Args:
        encoder: any text encoder.
        texts: ``I`` strings, empty where an item has no text.
        cache_dir: the file is ``cache_dir/text/<sha256>.safetensors``, one for each encoder.

    Raises:
        InputError: the cache folder cannot be written.
    """

    def encode(missing: list[str]) -> tuple[Tensor, Cost]:
        encoder.cost()  # loads a lazy model, so that the rate below is of encoding alone
        start = time.perf_counter()
        embeddings = encoder.encode(missing)
        seconds = time.perf_counter() - start
        rate = {"encode_items_per_s": len(missing) / seconds} if embeddings.any() else {}
        return embeddings, {**encoder.cost(), **rate}

    key = encoder.cache_key
    if getattr(encoder, "vocabulary", None) == "corpus":  # its size is that of all texts together
        key += f"/{hashlib.sha256(json.dumps(list(texts)).encode()).hexdigest()}"
    return cached_features(key, texts, cache_dir, encode)


def cached_features(
    cache_key: str,
    texts: Sequence[str],
    cache_dir: Path,
    encode: Callable[[list[str]], tuple[Tensor, Cost]],
) -> TextFeatures:
    """Text features from the cache, and from ``encode`` for the texts that it lacks.

    Args:
        cache_key: everything but the texts that changes the rows.
        texts: ``I`` strings.
        cache_dir: see :func:`encode_items`.
        encode: distinct non-empty texts → (rows ``[n, D]``, cost); called for those that are missing only.

    Raises:
        InputError: the cache folder cannot be written.
        ValueError: ``encode`` gave a wrong number of rows, or values that are not finite.
    """
    distinct = list(dict.fromkeys(text for text in texts if text.strip()))
    store = VectorStore(cache_dir / "text", json.dumps([FORMAT_VERSION, cache_key]))
    stored = store.read()
    here = stored.find(distinct)
    missing = [text for text in distinct if text not in here]
    if missing or stored.num_read < 0:  # without any text the width and the cost are still to be known
        store.check_writable()  # before the work, not after it
        rows, cost = encode(missing)
        stored = store.add(missing, _checked(rows, len(missing)), cost)
        here = stored.find(distinct)
    padded = torch.cat([stored.rows, stored.rows.new_zeros(1, stored.rows.shape[1])])
    embeddings = padded[torch.tensor([here.get(text, -1) for text in texts], dtype=torch.int64)]
    return TextFeatures(embeddings, embeddings.any(dim=1), dict(stored.cost))


def _checked(rows: Tensor, num_texts: int) -> Tensor:
    if rows.ndim != 2 or len(rows) != num_texts:
        raise ValueError(f"encoder gave shape {tuple(rows.shape)} for {num_texts} texts")
    if not rows.isfinite().all():
        raise ValueError("encoder gave values that are not finite; try dtype float32")
    return rows.float().cpu()
