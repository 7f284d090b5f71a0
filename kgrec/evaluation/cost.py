"""What quality costs: memory, parameters."""

import resource
import sys
from collections.abc import Mapping

from torch import nn


def peak_rss_mb() -> float:
    """Peak resident memory of this process so far, in 2^20 bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def parameter_counts(module: nn.Module) -> dict[str, int]:
    """``cost/params`` and ``cost/trainable_params`` of a module; shared parameters count once."""
    sizes = [(parameter.numel(), parameter.requires_grad) for parameter in module.parameters()]
    return {
        "cost/params": sum(size for size, _ in sizes),
        "cost/trainable_params": sum(size for size, trainable in sizes if trainable),
    }


def new_item_costs(lm_cost: Mapping[str, float], graph_params: int) -> dict[str, float]:
    """What must be held and run to score an item that was never seen, as flat ``cost/…`` keys.

    ``new_item_params = lm_params + graph_params``: the text goes through the language model, the triples
    through the graph side. Counting both sides keeps the comparison of a small model with a graph against
    a large one without honest.

    Args:
        lm_cost: the text encoder's ``cost()``: ``lm_params``, ``lm_params_without_embeddings``,
            ``lm_bytes`` and perhaps more; empty where no text is read.
        graph_params: parameters that the structured side needs for a new item: graph network, fusion and
            the embeddings of entities; 0 without a graph.

    Returns:
        Every entry of ``lm_cost`` under ``cost/`` (the three above at least, 0 where absent),
        ``cost/graph_params`` and ``cost/new_item_params``.

    Raises:
        ValueError: a negative count.
    """
    costs = {"lm_params": 0.0, "lm_params_without_embeddings": 0.0, "lm_bytes": 0.0} | dict(lm_cost)
    costs["graph_params"] = graph_params
    costs["new_item_params"] = costs["lm_params"] + graph_params
    negative = {name: count for name, count in costs.items() if count < 0}
    if negative:
        raise ValueError(f"costs must not be negative, got {negative}")
    return {f"cost/{name}": count for name, count in costs.items()}
