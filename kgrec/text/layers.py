"""Text features at every depth of one model, so that the depth can be chosen on validation."""

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from kgrec.text.encoder import Cost, TextFeatures, cached_features
from kgrec.text.transformer import TransformerEncoder


def encode_layers(
    encoder: TransformerEncoder, texts: Sequence[str], cache_dir: Path
) -> dict[int, TextFeatures]:
    """Encode the items' texts once and read out every layer, or read all of them from the cache.

    Layer ``k`` holds what the same encoder with ``num_layers=k`` would give, with the cost of that cut
    model; there is no rate of encoding, since all layers share one pass.

    Args:
        encoder: a transformer; its own ``num_layers`` is the deepest layer read.
        texts: ``I`` strings, empty where an item has no text.
        cache_dir: see :func:`kgrec.text.encoder.encode_items`.

    Returns:
        Layer, 0 (the embeddings alone) to the deepest → features.

    Raises:
        InputError: the cache folder cannot be written.
    """

    def encode(distinct: list[str]) -> dict[str, tuple[Tensor, Cost]]:
        states = encoder.layer_states(distinct)
        return {str(layer): (rows, encoder.cost_at(layer)) for layer, rows in states.items()}

    features = cached_features(f"{encoder.cache_key}/every layer", texts, cache_dir, encode)
    return {int(layer): value for layer, value in features.items()}
