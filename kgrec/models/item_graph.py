"""The graph that a model with item ids propagates over: interactions, facts, edges between items alike."""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from kgrec.errors import InputError
from kgrec.kg.graph import Graph, with_item_edges
from kgrec.models.features import fact_matrix, unit_text
from kgrec.models.graph_view import GraphView
from kgrec.nn.sparse import edge_weights
from kgrec.shapes import Pairs
from kgrec.text.encoder import TextFeatures

BLOCK_SIZE = 1024
"""Items compared with all others at a time: bounds memory, changes no result."""


@dataclass(frozen=True)
class ItemGraph:
    """Which edges there are, and what they weigh beside an interaction, which weighs 1.

    Two items are joined where one is among the nearest of the other, by the cosine of their text features or
    of their tf-idf bags of facts; the edge weighs that cosine times a factor, and none is negative. Cf. the
    frozen item–item graph of `FREEDOM <https://arxiv.org/abs/2211.06924>`_ (Zhou and Shen, ACM MM 2023,
    §3.1).

    Attributes:
        facts: weight of a fact, ≥ 0; 0 = facts say nothing, not which items are alike either.
        min_facts: entities with fewer facts are left out, ≥ 1.
        text_neighbours: nearest items by text, ≥ 0.
        text: factor of their cosines, ≥ 0.
        fact_neighbours: nearest items by facts, ≥ 0.
        fact_similarity: factor of their cosines, ≥ 0.
        dropout: share of the edges, whatever their kind, that a training step leaves out, in [0, 1).

    Raises:
        InputError: a value outside its bounds.
    """

    facts: float
    min_facts: int
    text_neighbours: int
    text: float
    fact_neighbours: int
    fact_similarity: float
    dropout: float

    def __post_init__(self) -> None:
        bounds = {"min_facts": 1}
        for name, value in vars(self).items():
            if value < bounds.get(name, 0):
                expected = f"at least {bounds.get(name, 0)}"
                raise InputError(f"model.item_graph.{name}: found {value}, expected {expected}")
        if self.dropout >= 1:
            raise InputError(f"model.item_graph.dropout: found {self.dropout}, expected a share in [0, 1)")

    def thinned(self, graph: Graph) -> Graph:
        """The graph of a training step: without a random share of its edges, both directions together."""
        if self.dropout == 0:
            return graph
        half = torch.rand(graph.num_edges // 2, device=graph.edge_index.device) >= self.dropout
        return graph.with_edge_weight(edge_weights(graph) * half.repeat(2))

    def visible(self, graph: Graph) -> Tensor:
        """``[E]`` mask of the edges of ``graph`` that stay."""
        visible = GraphView(interactions=True, min_facts=self.min_facts).visible(graph)
        return visible & graph.is_interaction if self.facts == 0 else visible

    def build(self, graph: Graph, text: TextFeatures) -> Graph:
        """The weighted graph of a model; users and items keep their nodes."""
        view = graph.pruned(self.visible(graph))
        weight = edge_weights(view) * torch.where(view.is_interaction, 1.0, self.facts)
        view = view.with_edge_weight(weight)
        if self.fact_neighbours and self.fact_similarity and self.facts:
            pairs, cosines = nearest_pairs(fact_matrix(graph, balanced=False), self.fact_neighbours)
            view = with_item_edges(view, pairs, cosines * self.fact_similarity, "alike by facts")
        if self.text_neighbours and self.text and bool(text.has_text.any()):
            pairs, cosines = nearest_pairs(unit_text(text, center=True), self.text_neighbours)
            view = with_item_edges(view, pairs, cosines * self.text, "alike by text")
        return view


def nearest_pairs(rows: np.ndarray | sp.csr_array, neighbours: int) -> tuple[Pairs, Tensor]:
    """Pairs of items of which one is among the nearest of the other, each pair once.

    Args:
        rows: ``[I, F]`` of unit length; zero rows have no neighbour.
        neighbours: at most this many for each item.

    Returns:
        ``[n, 2]`` item ids, the lower first, and ``[n]`` their cosines, all > 0.
    """
    num_items = rows.shape[0]
    width = min(neighbours, num_items - 1)
    found: list[np.ndarray] = []
    for block in np.array_split(np.arange(num_items), max(1, -(-num_items // BLOCK_SIZE))):
        product = rows[block] @ rows.T
        cosines = torch.from_numpy(
            product.toarray() if sp.issparse(product) else np.ascontiguousarray(product)
        )
        cosines[torch.arange(len(block)), torch.from_numpy(block)] = -1.0
        value, other = cosines.topk(width, dim=1)
        item = np.repeat(block, width)
        triple = np.stack([item, other.numpy().ravel(), value.numpy().ravel()], axis=1)
        found.append(triple[triple[:, 2] > 1e-9])
    table = np.concatenate(found)
    ids = np.sort(table[:, :2].astype(np.int64), axis=1)
    pairs, first = np.unique(ids, axis=0, return_index=True)
    return pairs, torch.from_numpy(table[first, 2]).float()
