"""The stages before training, each from the config: dataset, graph, text, model.

One function per row of the table in the README ("the path of data"); entries call them in that order.
"""

import hashlib
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue
from torch import nn

from kgrec.build import build, target_class
from kgrec.data.dataset import DatasetSource, RawDataset, RecDataset
from kgrec.data.download import locate
from kgrec.data.prepare import prepare
from kgrec.errors import InputError
from kgrec.kg.attributes import ItemAttributes
from kgrec.kg.graph import Graph, build_graph
from kgrec.models.base import ModelInputs, Recommender
from kgrec.nn.fusion.base import TokenFusion
from kgrec.progress import doing
from kgrec.reporting.run_folder import settings_of_run
from kgrec.shapes import FloatArray, IntArray, Triples
from kgrec.tasks.base import Task
from kgrec.tasks.ranking import Ranking
from kgrec.text.encoder import TextEncoder, TextFeatures, encode_items
from kgrec.text.facts import texts_with_facts
from kgrec.text.tokens import with_tokens
from kgrec.training.trainer import Trainer

log = logging.getLogger(__name__)


def locate_raw(cfg: DictConfig) -> Path:
    """The folder of the raw files, which are fetched where they are missing."""
    doing("looking for the data")
    return locate(build(cfg.data.source), Path(cfg.paths.data))


def load_raw(cfg: DictConfig) -> RawDataset:
    """Stage 1: raw files → frames of raw ids."""
    source: DatasetSource = build(cfg.data.source)
    root = locate_raw(cfg)
    doing(f"reading {source.name}")
    return source.load(root)


def prepare_dataset(cfg: DictConfig, raw: RawDataset) -> RecDataset:
    """Stage 2: frames → contiguous ids, split, triples, links, texts."""
    doing(f"preparing {raw.name}")
    return prepare(
        raw,
        split=build(cfg.data.split),
        rating_threshold=cfg.data.rating_threshold,
        k_core=cfg.data.k_core,
        drop_inverse_relations=cfg.data.drop_inverse_relations,
        seed=cfg.seed,
        shape=build(cfg.shape) if "shape" in cfg else None,  # older runs are ones without
    )


def load_dataset(cfg: DictConfig) -> RecDataset:
    """Stages 1 and 2."""
    return prepare_dataset(cfg, load_raw(cfg))


def load_facts(cfg: DictConfig, dataset: RecDataset) -> tuple[Triples, IntArray]:
    """Triples and links as the graph arm ``kg=…`` has them."""
    doing("making the graph")
    triples, item_to_entity = build(cfg.kg)(dataset.triples, dataset.item_to_entity, cfg.seed)
    return triples, item_to_entity


def load_graph(cfg: DictConfig, dataset: RecDataset) -> Graph:
    """Stage 3a: training interactions + the arm's triples and links."""
    triples, item_to_entity = load_facts(cfg, dataset)
    return build_graph(
        num_users=dataset.num_users,
        num_items=dataset.num_items,
        num_entities=dataset.num_entities,
        relation_names=dataset.relations.raw_ids,
        interactions=dataset.train,
        triples=triples,
        item_to_entity=item_to_entity,
    )


def item_texts(cfg: DictConfig, dataset: RecDataset) -> list[str]:
    """What the language model reads of each item: its text, and facts where ``text.max_facts`` > 0."""
    if cfg.text.max_facts == 0:
        return dataset.item_texts
    return texts_with_facts(
        dataset.item_texts,
        dataset.triples,
        dataset.item_to_entity,
        dataset.entities.raw_ids,
        dataset.relations.raw_ids,
        cfg.text.max_facts,
    )


def warm_corpus(cfg: DictConfig, dataset: RecDataset) -> dict[str, int]:
    """The non-empty texts of warm items, each once, and the first item that has it.

    Cold items decide nothing about a model.

    Raises:
        InputError: there is none.
    """
    texts = item_texts(cfg, dataset)
    found: dict[str, int] = {}
    for item in dataset.warm_items.nonzero()[0].tolist():
        if texts[item].strip():
            found.setdefault(texts[item], item)
    if not found:
        raise InputError(f"--data: {dataset.name} has no item text, expected a dataset with texts")
    return found


def load_encoder(cfg: DictConfig, dataset: RecDataset) -> TextEncoder:
    """The language model, fitted to texts of warm items alone: cold ones must decide nothing about it."""
    doing("loading the language model")
    encoder: TextEncoder = build(cfg.lm)
    texts = item_texts(cfg, dataset)
    return encoder.fitted_to([text for text, warm in zip(texts, dataset.warm_items, strict=True) if warm])


def text_vectors(cfg: DictConfig) -> Callable[[list[str]], FloatArray]:
    """The language model ``lm=…`` as a function from any texts to ``[n, D]`` vectors, cached."""

    def encode(texts: list[str]) -> FloatArray:
        encoder: TextEncoder = build(cfg.lm)
        features = encode_items(encoder.fitted_to(texts), texts, Path(cfg.paths.cache))
        return features.embeddings.numpy().astype(np.float64)

    return encode


def load_text(cfg: DictConfig, dataset: RecDataset) -> TextFeatures:
    """Stage 3b: item texts → text features, cached."""
    encoder, texts = load_encoder(cfg, dataset), item_texts(cfg, dataset)
    features = encode_items(encoder, texts, Path(cfg.paths.cache))
    if "fusion" in cfg.model and issubclass(target_class(cfg.fusion), TokenFusion):
        features = with_tokens(features, encoder, texts, cfg.fusion.max_tokens)
    return features


def load_attributes(cfg: DictConfig, dataset: RecDataset) -> ItemAttributes | None:
    """Numeric attributes of the items as the graph arm ``kg=…`` has them, where the model reads them."""
    model: type[Recommender] = target_class(cfg.model)
    if dataset.numbers is None:
        return None
    if not model.reads_attributes:
        log.warning("model=%s does not read the numeric attributes of items", cfg.choices.model)
        return None
    arm = build(cfg.kg)
    numbers, links = dataset.numbers.under(arm, dataset.triples, dataset.item_to_entity, cfg.seed)
    return ItemAttributes.of(numbers, links, dataset.warm_items)


def load_inputs(cfg: DictConfig, dataset: RecDataset) -> ModelInputs:
    """Stages 3a and 3b, as far as the configured model needs them."""
    model: type[Recommender] = target_class(cfg.model)
    return ModelInputs(
        dataset=dataset,
        graph=load_graph(cfg, dataset) if model.needs_graph else None,
        text=load_text(cfg, dataset) if model.needs_text else None,
        attributes=load_attributes(cfg, dataset),
    )


def load_task(cfg: DictConfig) -> Task:
    """What is learned; runs older than the choice of a task are ones of ranking."""
    task: Task = build(cfg.task) if "task" in cfg else Ranking()
    return task


def load_model(cfg: DictConfig, inputs: ModelInputs) -> Recommender:
    """Stage 4: the recommender as the task has it, freshly initialised.

    Raises:
        InputError: a setting that the model refuses, or with which no model can be made.
    """
    doing("making the model")
    try:
        model: Recommender = build(cfg.model)(inputs=inputs)
    except (TypeError, RuntimeError) as error:  # sizes reach the layers only here, e.g. a width of -3
        raise InputError(f"model={cfg.choices.model}: {' '.join(str(error).split())}") from error
    return load_task(cfg).recommender(model, inputs.dataset)


def load_trainer(cfg: DictConfig) -> Trainer:
    """Stage 5: the trainer.

    Raises:
        InputError: a setting that the trainer or its optimiser refuses; the latter is tried on one number,
            so that this is known before data is read.
    """
    trainer: Trainer = build(cfg.train)
    try:
        trainer.optimizer([nn.Parameter(torch.zeros(1))])
    except (TypeError, ValueError) as error:
        raise InputError(f"train.optimizer: {' '.join(str(error).split())}") from error
    return trainer


def settings(cfg: DictConfig) -> dict[str, Any]:
    """The whole configuration as plain values.

    Raises:
        InputError: a value that has no default was not given.
    """
    try:
        plain: Any = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    except MissingMandatoryValue as error:
        raise InputError(f"setting {error.full_key!r} must be given: it has no default") from error
    return dict(plain)


def run_name(cfg: DictConfig) -> str:
    """The run id: the choices that matter to the model, the seed, and a hash of every other setting.

    The same settings give the same name, so a run started again is found again.

    Returns:
        E.g. ``ml-100k_hybrid_minilm_l0_full_lightgcn_gate_s0_1c0ffee5``.
    """
    model: type[Recommender] = target_class(cfg.model)
    groups = ["data", "model"]
    groups += ["lm"] if model.needs_text else []
    groups += ["kg"] if model.needs_graph else []
    groups += [group for group in ("gnn", "fusion") if group in cfg.model]
    decisive = [settings_of_run(settings(cfg)), cfg.seed]
    digest = hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:8]
    return "_".join([*(cfg.choices[group] for group in groups), f"s{cfg.seed}", digest])
