"""The stages before training, each from the config: dataset, graph, text, model.

One function per row of the table in the README ("the path of data"); entries call them in that order.
"""

from pathlib import Path

from omegaconf import DictConfig

from kgrec.build import build, target_class
from kgrec.data.dataset import DatasetSource, RawDataset, RecDataset
from kgrec.data.download import locate
from kgrec.data.prepare import prepare
from kgrec.kg.graph import Graph, build_graph
from kgrec.models.base import ModelInputs, Recommender
from kgrec.text.encoder import TextFeatures, encode_items
from kgrec.text.facts import texts_with_facts


def load_raw(cfg: DictConfig) -> RawDataset:
    """Stage 1: raw files (fetched where they are missing) → frames of raw ids."""
    source: DatasetSource = build(cfg.data.source)
    return source.load(locate(source, Path(cfg.paths.data)))


def prepare_dataset(cfg: DictConfig, raw: RawDataset) -> RecDataset:
    """Stage 2: frames → contiguous ids, split, triples, links, texts."""
    return prepare(
        raw,
        split=build(cfg.data.split),
        rating_threshold=cfg.data.rating_threshold,
        k_core=cfg.data.k_core,
        drop_inverse_relations=cfg.data.drop_inverse_relations,
        seed=cfg.seed,
    )


def load_dataset(cfg: DictConfig) -> RecDataset:
    """Stages 1 and 2."""
    return prepare_dataset(cfg, load_raw(cfg))


def load_graph(cfg: DictConfig, dataset: RecDataset) -> Graph:
    """Stage 3a: training interactions + triples + links, as the graph arm ``kg=…`` has them."""
    arm = build(cfg.kg)
    triples, item_to_entity = arm(dataset.triples, dataset.item_to_entity, cfg.seed)
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


def load_text(cfg: DictConfig, dataset: RecDataset) -> TextFeatures:
    """Stage 3b: item texts → text features, cached."""
    return encode_items(build(cfg.lm), item_texts(cfg, dataset), Path(cfg.paths.cache))


def load_inputs(cfg: DictConfig, dataset: RecDataset) -> ModelInputs:
    """Stages 3a and 3b, as far as the configured model needs them."""
    model: type[Recommender] = target_class(cfg.model)
    return ModelInputs(
        dataset=dataset,
        graph=load_graph(cfg, dataset) if model.needs_graph else None,
        text=load_text(cfg, dataset) if model.needs_text else None,
    )


def load_model(cfg: DictConfig, inputs: ModelInputs) -> Recommender:
    """Stage 4: the recommender, freshly initialised."""
    model: Recommender = build(cfg.model)(inputs=inputs)
    return model
