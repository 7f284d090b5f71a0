"""Several encoders over the same texts: cuts of one model share one pass."""

import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from functools import partial
from pathlib import Path

from torch import Tensor

from kgrec.text.encoder import Cost, TextEncoder, TextFeatures, cached_features, encode_items
from kgrec.text.transformer import TransformerEncoder

RATE_SAMPLE = 128
"""Texts on which the rate of each cut is measured."""


def encode_all(encoders: Iterable[TextEncoder], texts: Sequence[str], cache_dir: Path) -> None:
    """Fill the cache of :func:`kgrec.text.encoder.encode_items` for all of the encoders.

    Transformers that differ in ``num_layers`` alone are read out of one pass through the deepest.

    Raises:
        InputError: the cache folder cannot be written.
    """
    families: dict[str, dict[int, TransformerEncoder]] = defaultdict(dict)
    for encoder in encoders:
        if isinstance(encoder, TransformerEncoder) and encoder.num_layers is not None:
            families[encoder.cut(1).cache_key][encoder.num_layers] = encoder
        else:
            encode_items(encoder, texts, cache_dir)
    for family in families.values():
        encode_layers(family[max(family)], texts, cache_dir, family.keys())


def encode_layers(
    encoder: TransformerEncoder, texts: Sequence[str], cache_dir: Path, layers: Collection[int]
) -> dict[int, TextFeatures]:
    """Text features at several depths of one model, from the cache or from a single pass.

    Layer ``k`` is what ``encode_items`` gives for the same encoder with ``num_layers=k``, in the same file
    of the cache. The rate of encoding is that of the cut model, measured on :data:`RATE_SAMPLE` texts.

    Args:
        encoder: a transformer at least as deep as the deepest layer wanted.
        texts: ``I`` strings, empty where an item has no text.
        cache_dir: see :func:`kgrec.text.encoder.encode_items`.
        layers: depths, each at least 1.

    Returns:
        Layer → features, in ascending order.

    Raises:
        InputError: the cache folder cannot be written.
    """
    states: dict[int, Tensor] = {}
    passed: list[str] = []

    def read_out(layer: int, missing: list[str]) -> tuple[Tensor, Cost]:
        if not states or passed != missing:  # the first layer that the cache lacks these for
            passed[:] = missing
            states.update(encoder.layer_states(missing))
        return states[layer], _cost(encoder, layer, missing)

    return {
        layer: cached_features(
            encoder.cut(layer).cache_key,
            texts,
            cache_dir,
            partial(read_out, layer),
        )
        for layer in sorted(layers)
    }


def _cost(encoder: TransformerEncoder, layer: int, texts: list[str]) -> Cost:
    """Size of the model cut after a layer, and its rate on texts taken evenly from all of them."""
    if not texts:
        return encoder.cost_at(layer)
    sample = texts[:: max(1, len(texts) // RATE_SAMPLE)]
    cut = encoder.cut(layer)
    cut.encode(sample[:1])  # loads the model, so that the rate is of encoding alone
    start = time.perf_counter()
    cut.encode(sample)
    rate = len(sample) / (time.perf_counter() - start)
    return {**encoder.cost_at(layer), "encode_items_per_s": rate}
