"""What a run comes to: the flat summary of metrics, costs and protocol (design of the run folder)."""

import hashlib
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from kgrec.data.dataset import RecDataset
from kgrec.evaluation.base import Evaluates, Evaluation
from kgrec.evaluation.cost import new_item_costs, parameter_counts, peak_rss_mb
from kgrec.kg.graph import Graph
from kgrec.lm.folder import read_lineage
from kgrec.models.base import ModelInputs, Recommender
from kgrec.reporting.loggers.base import Source
from kgrec.training.trainer import TrainingResult

Summary = dict[str, str | float | int | bool | None]

TIMED_PASSES = 3


def summarise(
    inputs: ModelInputs,
    model: Recommender,
    evaluator: Evaluates,
    result: TrainingResult,
    evaluation: Evaluation,
) -> Summary:
    """The summary of a trained and evaluated model.

    Returns:
        ``valid/…`` of the best epoch, the metrics of ``evaluation``, ``cost/…``, ``protocol/…``,
        what the model chose by itself as ``chosen/…``, ``best_epoch`` and ``epochs``.
    """
    best = next(row for row in result.history if row["epoch"] == result.best_epoch)
    return {
        **{key: value for key, value in best.items() if key.startswith("valid/")},
        **evaluation.means,
        **costs(inputs, model, result),
        **protocol(inputs.dataset, evaluator),
        **{f"chosen/{name}": value for name, value in model.chosen.items()},
        "best_epoch": result.best_epoch,
        "epochs": result.epochs,
    }


def costs(inputs: ModelInputs, model: Recommender, result: TrainingResult) -> dict[str, float]:
    """What quality cost: seconds, memory, parameters, and what a new item needs."""
    lm_cost = inputs.text.cost if inputs.text is not None else {}
    return {
        **new_item_costs(lm_cost, model.new_item_parameters()),
        **parameter_counts(model),
        **_embedding_rate(model),
        "cost/train_s": result.seconds,
        "cost/peak_rss_mb": peak_rss_mb(),
    }


def lm_training_costs(model: str) -> dict[str, float]:
    """What training a language model took, as the folder that ``kgrec lm`` left tells it.

    Args:
        model: as in ``lm.model``: a folder, or the name of a model as published.

    Returns:
        ``cost/lm_trained_params`` of the last step that trained, ``cost/lm_train_s`` of all together and
        ``cost/lm_train_peak_mb`` of the largest; empty for a model as published.
    """
    steps = read_lineage(Path(model).expanduser())
    trained = [step.figures for step in steps if "train_s" in step.figures]
    if not trained:
        return {}
    return {
        "cost/lm_trained_params": trained[-1].get("trained_params", trained[-1].get("params", 0.0)),
        "cost/lm_train_s": sum(figures["train_s"] for figures in trained),
        "cost/lm_train_peak_mb": max(figures.get("peak_memory_mb", 0.0) for figures in trained),
    }


def protocol(dataset: RecDataset, evaluator: Evaluates) -> Summary:
    """How the figures were made: dataset, split, candidates, what chose the epoch."""
    stated = {**dataset.protocol, **evaluator.protocol()}
    return {
        "protocol/dataset": dataset.name,
        "protocol/data_sha256": dataset_digest(dataset),
        **{f"protocol/{key}": value for key, value in stated.items()},
    }


def dataset_digest(dataset: RecDataset) -> str:
    """16 hexadecimal digits that tell whether two runs saw the same pairs, triples, links and texts."""
    digest = hashlib.sha256()
    for array in (
        dataset.train, dataset.valid, dataset.test, dataset.triples, dataset.item_to_entity,
    ):  # fmt: skip
        digest.update(np.ascontiguousarray(array).tobytes())
    if dataset.negatives is not None:
        for part in vars(dataset.negatives).values():
            digest.update(np.ascontiguousarray(part).tobytes())
    if dataset.sequences is not None:
        digest.update(np.ascontiguousarray(dataset.sequences.histories).tobytes())
    if dataset.numbers is not None:
        digest.update(np.ascontiguousarray(dataset.numbers.facts).tobytes())
        digest.update(np.ascontiguousarray(dataset.numbers.values).tobytes())
    for text in dataset.item_texts:
        digest.update(f"{len(text)} {text}".encode())
    return digest.hexdigest()[:16]


def data_digests(inputs: ModelInputs) -> dict[str, str | None]:
    """What a run learns from, as ``env.json`` tells it: the dataset, and the facts of the graph arm."""
    return {
        "dataset": dataset_digest(inputs.dataset),
        "graph": None if inputs.graph is None else graph_digest(inputs.graph),
    }


def sources(inputs: ModelInputs, digests: Mapping[str, str | None]) -> tuple[Source, ...]:
    """What a run learns from, as loggers are told it; ``digests`` as of :func:`data_digests`."""
    dataset, graph = inputs.dataset, inputs.graph
    counts = {
        **{part: len(getattr(dataset, part)) for part in ("train", "valid", "test", "triples")},
        **{part: getattr(dataset, f"num_{part}") for part in ("users", "items", "entities", "relations")},
    }
    facts: dict[str, Any] = {
        "counts": counts,
        "protocol": dataset.protocol,
        "preparation": list(dataset.preparation_log),
    }
    found = [Source("dataset", dataset.name, str(digests["dataset"]), facts)]
    if graph is not None:
        facts = {
            "counts": {"nodes": graph.num_nodes, "edges": graph.num_edges, "linked": int(graph.has_kg.sum())},
            "relations": list(graph.relation_names),
        }
        found.append(Source("graph", f"{dataset.name}-graph", str(digests["graph"]), facts))
    return tuple(found)


def graph_digest(graph: Graph) -> str:
    """16 hexadecimal digits that tell whether two runs saw the same facts of the same items.

    Interactions are left out, as :func:`dataset_digest` has them, and inverses, which follow.
    """
    facts = ~graph.is_interaction
    facts[graph.num_edges // 2 :] = False
    digest = hashlib.sha256(" ".join(graph.relation_names).encode())
    for part in (graph.edge_index[:, facts], graph.edge_type[facts], graph.has_kg):
        digest.update(part.contiguous().cpu().numpy().tobytes())
    return digest.hexdigest()[:16]


def _embedding_rate(model: Recommender) -> dict[str, float]:
    """``cost/embed_items_per_s``: items per second through graph network and fusion, text features given.

    The fastest of a few passes over the whole catalogue; absent for models that know items by their id, and
    for closed forms, which embed the catalogue once and for all when they are fitted.
    """
    if model.new_item_parameters() == 0 or next(model.parameters(), None) is None:
        return {}
    seconds = []
    model.eval()
    with torch.no_grad():
        for _ in range(TIMED_PASSES):
            start = time.perf_counter()
            model.embeddings()
            if model.device.type == "cuda":
                torch.cuda.synchronize()
            seconds.append(time.perf_counter() - start)
    return {"cost/embed_items_per_s": model.num_items / min(seconds)}
