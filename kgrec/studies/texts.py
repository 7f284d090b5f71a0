"""Text features of a whole study, encoded before the workers start so that none does another's work."""

import logging
from collections.abc import Iterable
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from kgrec.build import target_class
from kgrec.data.dataset import RecDataset
from kgrec.pipeline import item_texts, load_dataset, load_encoder
from kgrec.text.layers import encode_all

log = logging.getLogger(__name__)


def encode_texts(configs: Iterable[DictConfig]) -> None:
    """Fill the text cache for all runs, one pass per text and language model.

    Of runs that differ in the seed alone the first counts: where the split decides the texts, or the
    vocabulary that is cut to those of warm items, a worker encodes what is missing.
    """
    by_text: dict[tuple[str, str], dict[str, DictConfig]] = {}
    for cfg in configs:
        if target_class(cfg.model).needs_text:
            by_text.setdefault((_yaml(cfg.data), _yaml(cfg.text)), {}).setdefault(_yaml(cfg.lm), cfg)
    datasets: dict[str, RecDataset] = {}
    for (data, _), by_encoder in by_text.items():
        first = next(iter(by_encoder.values()))
        if data not in datasets:
            datasets[data] = load_dataset(first)
        log.info("text features of %d encoders", len(by_encoder))
        encoders = [load_encoder(cfg, datasets[data]) for cfg in by_encoder.values()]
        encode_all(encoders, item_texts(first, datasets[data]), Path(first.paths.cache))


def _yaml(node: DictConfig) -> str:
    return OmegaConf.to_yaml(node, resolve=True)
