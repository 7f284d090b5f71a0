"""From item texts to text features: the encoder's contract, and the cache that every encoder shares."""

import hashlib
import json
import logging
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from kgrec.errors import InputError

log = logging.getLogger(__name__)

FORMAT_VERSION = 1
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
        cost: see :data:`Cost`; ``encode_items_per_s`` is that of the run that filled the cache.
    """

    embeddings: Tensor
    has_text: Tensor
    cost: Cost


def encode_items(encoder: TextEncoder, texts: Sequence[str], cache_dir: Path) -> TextFeatures:
    """Encode the items' texts, or read them from the cache.

    Empty texts are never encoded; equal texts are encoded once.

    Args:
        encoder: any text encoder.
        texts: ``I`` strings, empty where an item has no text.
        cache_dir: the file is ``cache_dir/text/<sha256>.safetensors``.

    Raises:
        InputError: the cache folder cannot be written.
    """

    def encode(distinct: list[str]) -> dict[str, tuple[Tensor, Cost]]:
        encoder.cost()  # loads a lazy model, so that the rate below is of encoding alone
        start = time.perf_counter()
        embeddings = encoder.encode(distinct)
        seconds = time.perf_counter() - start
        rate = {"encode_items_per_s": len(distinct) / seconds} if embeddings.any() else {}
        return {"text": (embeddings, {**encoder.cost(), **rate})}

    return cached_features(encoder.cache_key, texts, cache_dir, encode)["text"]


def cached_features(
    cache_key: str,
    texts: Sequence[str],
    cache_dir: Path,
    encode: Callable[[list[str]], dict[str, tuple[Tensor, Cost]]],
) -> dict[str, TextFeatures]:
    """Named text features of the same items, from the cache or from ``encode``.

    Args:
        cache_key: everything but the texts that changes the rows.
        texts: ``I`` strings.
        cache_dir: see :func:`encode_items`.
        encode: distinct non-empty texts → name → (rows ``[n, D]``, cost); called on a miss only.

    Returns:
        Name → features.

    Raises:
        InputError: the cache folder cannot be written.
        ValueError: ``encode`` gave a wrong number of rows, or values that are not finite.
    """
    path = cache_dir / "text" / f"{_digest(cache_key, texts)}.safetensors"
    if (cached := _read(path)) is not None:
        return cached
    _make_folder(path.parent)  # before the work, not after it
    row_of = {text: row for row, text in enumerate(dict.fromkeys(text for text in texts if text.strip()))}
    index = torch.tensor([row_of.get(text, -1) for text in texts], dtype=torch.int64)
    features = {
        name: TextFeatures(*_spread(rows, index, len(row_of)), cost)
        for name, (rows, cost) in encode(list(row_of)).items()
    }
    _write(path, features)
    return features


def _digest(cache_key: str, texts: Sequence[str]) -> str:
    digest = hashlib.sha256(json.dumps([FORMAT_VERSION, cache_key]).encode())
    for text in texts:
        digest.update(json.dumps(text).encode())  # quoted: ["ab"] and ["a", "b"] differ
    return digest.hexdigest()


def _spread(rows: Tensor, index: Tensor, num_distinct: int) -> tuple[Tensor, Tensor]:
    """Rows of distinct texts ``[n, D]`` → rows of items ``[I, D]`` and the mask ``[I]``."""
    if rows.ndim != 2 or len(rows) != num_distinct:
        raise ValueError(f"encoder gave shape {tuple(rows.shape)} for {num_distinct} texts")
    if not rows.isfinite().all():
        raise ValueError("encoder gave values that are not finite; try dtype float32")
    padded = torch.cat([rows.float().cpu(), torch.zeros(1, rows.shape[1])])  # index -1 = the zero row
    embeddings = padded[index]
    return embeddings, embeddings.any(dim=1)


def _read(path: Path) -> dict[str, TextFeatures] | None:
    """The features stored at ``path``; ``None`` where there is no readable file."""
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            costs: dict[str, Cost] = json.loads(file.metadata()["costs"])
            has_text = file.get_tensor("has_text")
            return {
                name: TextFeatures(file.get_tensor(f"embeddings/{name}"), has_text[row], cost)
                for row, (name, cost) in enumerate(costs.items())
            }
    except (OSError, SafetensorError) as error:
        log.warning("cache file %s cannot be read (%s); encoding again", path, error)
        return None


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".{uuid.uuid4().hex}.tmp"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise _unwritable(folder, error) from error


def _write(path: Path, features: dict[str, TextFeatures]) -> None:
    """Write under a temporary name, then rename: a reader never sees half a file."""
    tensors = {f"embeddings/{name}": value.embeddings for name, value in features.items()}
    tensors["has_text"] = torch.stack([value.has_text for value in features.values()])
    costs = json.dumps({name: value.cost for name, value in features.items()})
    temporary = path.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        save_file(tensors, temporary, metadata={"costs": costs})
        temporary.replace(path)
    except (OSError, SafetensorError) as error:
        raise _unwritable(path.parent, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def _unwritable(folder: Path, error: Exception) -> InputError:
    return InputError(
        f"{folder}: cannot write the text cache ({error}); set paths.cache to a writable folder"
    )
