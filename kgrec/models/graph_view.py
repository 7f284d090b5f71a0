"""The part of the graph that a graph network sees, and what it counts of it."""

from dataclasses import dataclass

import torch
from torch import Tensor

from kgrec.kg.graph import Graph


@dataclass(frozen=True)
class GraphView:
    """Which edges the graph network sees.

    Attributes:
        interactions: whether messages run along interactions too, or along facts only.
        min_facts: entities with fewer facts are left out: they tell nothing about other items, but would
            serve as an id of the item they belong to.
    """

    interactions: bool
    min_facts: int

    def visible(self, graph: Graph) -> Tensor:
        """``[E]`` mask of the edges that stay."""
        facts = torch.bincount(graph.edge_index[0, ~graph.is_interaction], minlength=graph.num_nodes)
        rare = torch.zeros(graph.num_nodes, dtype=torch.bool)
        rare[graph.entity_nodes] = facts[graph.entity_nodes] < self.min_facts
        visible = ~rare[graph.edge_index].any(dim=0)
        return visible if self.interactions else visible & ~graph.is_interaction


def on_whole_graph(vectors: Tensor, kept: Tensor, num_nodes: int) -> Tensor:
    """Vectors ``[n, D]`` of the nodes ``kept [n]`` as ``[N, D]``, NaN for those that a view leaves out."""
    whole = vectors.new_full((num_nodes, vectors.shape[1]), torch.nan)
    return whole.index_copy(0, kept.to(vectors.device), vectors)


def log_fact_counts(graph: Graph) -> Tensor:
    """``[I, 1]``: log(1 + number of facts) of each item."""
    source = graph.edge_index[0, ~graph.is_interaction]
    counts = torch.bincount(source, minlength=graph.num_nodes)[graph.item_nodes]
    return counts.float().log1p().unsqueeze(1)
