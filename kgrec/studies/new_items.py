"""What it costs to score an item that was never seen: several deployments measured side by side."""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from omegaconf import DictConfig, OmegaConf
from torch import Tensor

from kgrec.evaluation.cost import new_item_costs
from kgrec.kg.graph import Graph
from kgrec.models.base import ModelInputs, Recommender
from kgrec.pipeline import item_texts, load_attributes, load_dataset, load_encoder, load_graph, load_model
from kgrec.seed import numpy_generator
from kgrec.text.encoder import TextEncoder, encode_items
from kgrec.text.flops import counted_products

NUM_ITEMS = 64
"""Cold items whose texts and triples are timed; the same ones for every deployment."""

NUM_SINGLE = 16
"""Of these, how many are also placed one by one."""

ROUNDS = 5
"""Times that each deployment has its turn."""

FLOAT_BYTES = 4


@dataclass(frozen=True)
class Deployment:
    """What must be held and run to score a new item, as a configuration sets it up.

    Its weights are those that training begins with: what is timed does not depend on their values.

    Attributes:
        encoder: of the text.
        model: from text features and facts to an embedding.
        texts: of ``n`` cold items.
        facts: for each of them ``[F, 2]``: relation of an edge into the item, node that it comes from.
        held: users ``[U, D]`` and catalogue ``[I, D]``, embedded before.
    """

    encoder: TextEncoder
    model: Recommender
    texts: list[str]
    facts: list[Tensor]
    held: tuple[Tensor, Tensor]

    def features(self) -> Tensor:
        """Text features ``[n, D_text]``, in batches."""
        return self.encoder.encode(self.texts)

    def catalogue(self) -> Tensor:
        """Embeddings ``[I, D]`` of the whole catalogue, text features given."""
        return _pair(self.model)[1]

    def place(self, index: int) -> int:
        """From text and triples of one item to its rank in the catalogue, for one user."""
        text = self.encoder.encode([self.texts[index]])[0]
        with torch.no_grad():
            item = self.model.embed_new_item(text, self.facts[index])
        users, items = self.held
        user = users[index % len(users)]
        return 1 + int((items @ user > item @ user).sum())

    def sizes(self) -> dict[str, float]:
        """Parameters by part, and bytes: the language model as it is stored, the rest in float32."""
        costs = new_item_costs(self.encoder.cost(), self.model.new_item_parameters())
        stored = costs["cost/lm_bytes"] + FLOAT_BYTES * costs["cost/graph_params"]
        return {**costs, "cost/deployed_bytes": stored}

    def flops(self) -> float:
        """Floating-point operations of an item, a product and a sum counting two; the mean over the items.

        Dense products are counted as they run, one item at a time and without padding. Sparse ones are not
        seen by the counter: each fact costs one row of messages, 2 D.
        """
        messages = 0.0
        with counted_products() as counter, torch.no_grad():
            for text, facts in zip(self.texts, self.facts, strict=True):
                features = self.encoder.encode([text])[0]
                item = self.model.embed_new_item(features, facts)
                messages += 2.0 * len(facts) * len(item)
        return (counter.get_total_flops() + messages) / len(self.texts)


def measure_new_items(configs: Mapping[str, DictConfig]) -> dict[str, dict[str, float]]:
    """Costs of a new item by configuration, measured in turns on this machine.

    Args:
        configs: name → configuration of a model with :meth:`~kgrec.models.base.Recommender.embed_new_item`;
            all of one dataset, split and seed.

    Returns:
        Name → parameters by part, ``cost/deployed_bytes``, ``cost/new_item_flops``, ``cost/new_items_per_s``
        (texts in batches, graph network and fusion over the whole catalogue; the median round) and
        ``cost/new_item_ms`` (one item at a time, from text and triples to its rank for a user; the median).
    """
    deployments = _deployments(configs)
    per_item: dict[str, list[float]] = {name: [] for name in configs}
    single: dict[str, list[float]] = {name: [] for name in configs}
    for _ in range(ROUNDS):
        for name, deployment in deployments.items():
            texts, items = len(deployment.texts), deployment.model.num_items
            encoding, embedding = _seconds(deployment.features), _seconds(deployment.catalogue)
            per_item[name].append(encoding / texts + embedding / items)
            single[name] += [_seconds(deployment.place, index) for index in range(min(texts, NUM_SINGLE))]
    return {
        name: {
            **deployment.sizes(),
            "cost/new_item_flops": deployment.flops(),
            "cost/new_items_per_s": 1.0 / statistics.median(per_item[name]),
            "cost/new_item_ms": 1e3 * statistics.median(single[name]),
        }
        for name, deployment in deployments.items()
    }


def _deployments(configs: Mapping[str, DictConfig]) -> dict[str, Deployment]:
    first = next(iter(configs.values()))
    dataset = load_dataset(first)
    if others := [name for name, cfg in configs.items() if _data(cfg) != _data(first)]:
        raise ValueError(f"{others[0]} has other data, split or seed than {next(iter(configs))}")
    cold = np.flatnonzero(dataset.cold_test)
    chosen = numpy_generator(first.seed, "new items").permutation(cold)[:NUM_ITEMS]
    deployments = {}
    for name, cfg in configs.items():
        encoder = load_encoder(cfg, dataset)
        texts, graph = item_texts(cfg, dataset), load_graph(cfg, dataset)
        features = encode_items(encoder, texts, Path(cfg.paths.cache))
        model = load_model(cfg, ModelInputs(dataset, graph, features, load_attributes(cfg, dataset))).eval()
        facts = [_facts_of(graph, int(item)) for item in chosen]
        chosen_texts = [texts[item] for item in chosen]
        deployments[name] = Deployment(encoder, model, chosen_texts, facts, _pair(model))
    return deployments


def _facts_of(graph: Graph, item: int) -> Tensor:
    """``[F, 2]``: relation and source of each edge into an item, interactions left out."""
    into = (graph.edge_index[1] == graph.item_nodes[item]) & ~graph.is_interaction
    return torch.stack([graph.edge_type[into], graph.edge_index[0, into]], dim=1)


def _pair(model: Recommender) -> tuple[Tensor, Tensor]:
    with torch.no_grad():
        pair = model.embeddings()
    if pair is None:
        raise TypeError(f"{type(model).__name__} has no embeddings to compare an item with")
    return pair


def _data(cfg: DictConfig) -> tuple[str, int]:
    return OmegaConf.to_yaml(cfg.data, resolve=True), cfg.seed


def _seconds(work: Callable[..., object], *arguments: object) -> float:
    start = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - start
