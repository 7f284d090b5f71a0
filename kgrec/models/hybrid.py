"""Graph × text: items from structured and text features, joined by a fusion; users by an embedding."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import svds
from torch import Tensor, nn

from kgrec.errors import InputError
from kgrec.kg.graph import Graph
from kgrec.models.base import Batch, ModelInputs, Recommender
from kgrec.nn.fusion.base import Fusion
from kgrec.nn.gnn.base import GNN
from kgrec.nn.losses import RankingLoss
from kgrec.seed import stream_seed
from kgrec.shapes import Pairs

INIT_STD = 0.1


@dataclass(frozen=True)
class Hiding:
    """What a training step hides, so that the model learns to do without; all are shares in [0, 1).

    Attributes:
        items: items that play cold: their interactions leave the graph, and they are ranked among
            themselves. 0 = items are trained warm, and all compete.
        graphs: items whose whole graph is hidden, so that their text must do.
        facts: edges of the graph.
        text: dimensions of the text features.
    """

    items: float
    graphs: float
    facts: float
    text: float

    def __post_init__(self) -> None:
        for field in fields(self):
            share = getattr(self, field.name)
            if not 0 <= share < 1:
                raise InputError(f"model.hiding.{field.name}: found {share}, expected a share in [0, 1)")


class Hybrid(Recommender):
    r"""A GNN's structured features ⊕ a language model's text features → item embeddings.

    .. math::
        s(u, i) = (e_u + e_0) \cdot \mathrm{fusion}(\mathrm{gnn}(x, G)_i, \mathrm{text}_i)

    An item has no embedding of its own, so one that nobody has touched is scored like any other: its
    node begins with the number of its facts alone. The shared vector e_0 is what all users like: a
    popularity predicted from the features.

    Training is made to look like the use on cold items. In each step a random share of the items plays
    cold: their interactions leave the graph, and the loss ranks them among themselves (cf. `DropoutNet
    <https://papers.nips.cc/paper/2017/hash/dbd22ba3bd0df8f385bdac3e9f8be207-Abstract.html>`_, Volkovs et
    al., NeurIPS 2017, §3.3, which hides the preference input of whole items for the same reason).

    Args:
        inputs: dataset, graph and text.
        embedding_dim: D, width of users, entities and items.
        gnn: builds the graph network from ``(in_dim, num_relations)``.
        fusion: builds the fusion from ``(structured_dim, text_dim, out_dim)``.
        loss: the ranking loss; its ``ranking_space`` is that of the scores.
        hiding: what a training step hides.
        interactions_in_graph: whether messages run along interactions too, or along facts only.
        min_facts: entities with fewer facts are left out: they tell nothing about other items, but would
            serve as an id of the item they belong to.
    """

    needs_graph: ClassVar[bool] = True
    needs_text: ClassVar[bool] = True

    def __init__(
        self,
        inputs: ModelInputs,
        *,
        embedding_dim: int,
        gnn: Callable[..., GNN],
        fusion: Callable[..., Fusion],
        loss: RankingLoss,
        hiding: Hiding,
        interactions_in_graph: bool,
        min_facts: int,
    ) -> None:
        super().__init__(inputs)
        graph, text = self.required_inputs(inputs)
        self.train_pairs: Pairs = inputs.dataset.train
        self.ranking_loss = loss
        self.num_negatives = loss.num_negatives
        self.hiding = hiding
        self.stream = torch.initial_seed()
        self.graph = _visible(graph, interactions_in_graph, min_facts)
        self.register_buffer("text", text.embeddings, persistent=False)
        self.register_buffer("has_text", text.has_text, persistent=False)
        self.register_buffer("has_kg", graph.has_kg, persistent=False)
        self.register_buffer("fact_counts", _log_fact_counts(graph), persistent=False)
        self.register_buffer("warm_items", torch.from_numpy(inputs.dataset.warm_items), persistent=False)
        self.text_scaler = Standardize(text.embeddings[text.has_text])
        self.count_scaler = Standardize(self.fact_counts[graph.has_kg])

        num_entities = graph.num_nodes - self.num_users - self.num_items
        self.user_embedding = nn.Parameter(torch.empty(self.num_users, embedding_dim))
        self.shared_user = nn.Parameter(torch.zeros(embedding_dim))
        self.entity_embedding = nn.Parameter(torch.empty(num_entities, embedding_dim))
        self.from_count = nn.Linear(1, embedding_dim)
        self.gnn = gnn(embedding_dim, graph.num_relations)
        self.fusion = fusion(
            structured_dim=self.gnn.out_dim, text_dim=text.embeddings.shape[1], out_dim=embedding_dim
        )
        nn.init.normal_(self.user_embedding, std=INIT_STD)
        nn.init.normal_(self.entity_embedding, std=INIT_STD)

    def fit(self) -> None:
        """Begin with users where a truncated SVD of the training matrix puts them.

        The matrix is degree-normalised, users scaled by the root of the singular values; it saves most of
        the epochs that random users would need to find their neighbours.
        """
        factors = user_factors(self.train_pairs, self.num_users, self.num_items, self.user_embedding.shape[1])
        with torch.no_grad():
            self.user_embedding.copy_(torch.from_numpy(factors * (INIT_STD / factors.std())))

    def loss(self, batch: Batch) -> Tensor:
        """Mean ranking loss over the pairs whose item plays cold, ``[]``."""
        cold = self._draw_cold_items(batch.step)
        chosen = cold[batch.items]
        users, items = self.user_embedding[batch.users[chosen]] + self.shared_user, self.item_embeddings(cold)
        mean = self.ranking_loss(
            users, items, batch.items[chosen], batch.negatives[chosen], candidate_mask=cold
        )
        # Divided by the expected, not the found number of such pairs, so that the mean over processes
        # is that over the global batch.
        expected = len(chosen) * (self.hiding.items or 1.0)
        return mean * (chosen.sum() / expected) if chosen.any() else items.sum() * 0.0

    def embeddings(self) -> tuple[Tensor, Tensor]:
        """Users ``[U, D]`` and items ``[I, D]``, all items from their features alone."""
        users = self.user_embedding + self.shared_user
        return self.ranking_loss.ranking_space(users), self.ranking_loss.ranking_space(self.item_embeddings())

    def item_embeddings(self, cold: Tensor | None = None) -> Tensor:
        """Item embeddings ``[I, D]``; in training, with what :attr:`hiding` says hidden.

        Args:
            cold: ``[I]`` items whose interactions leave the graph; ``None`` = all stay.
        """
        if self.graph.edge_index.device != self.device:
            self.graph = self.graph.to(self.device)
        text = F.dropout(self.text_scaler(self.text), self.hiding.text, self.training)
        has_kg = self.has_kg
        if self.training and self.hiding.graphs > 0:
            has_kg = has_kg & (torch.rand(self.num_items, device=self.device) >= self.hiding.graphs)
        return self.fusion(self._structured(cold), text, self.has_text, has_kg)

    def _structured(self, cold: Tensor | None) -> Tensor:
        """Structured features ``[I, D_s]`` of all items."""
        graph = self._graph_of_step(cold) if cold is not None else self.graph
        items = self.from_count(self.count_scaler(self.fact_counts))
        x = torch.cat([self.user_embedding, items, self.entity_embedding])
        return self.gnn(x, graph)[graph.item_nodes]

    def _graph_of_step(self, cold: Tensor) -> Graph:
        """The graph without a random share of its edges and without the interactions of cold items."""
        graph, device = self.graph, self.device
        weight = (
            torch.ones(graph.num_edges, device=device) if graph.edge_weight is None else graph.edge_weight
        )
        if self.hiding.facts > 0:
            half = graph.num_edges // 2  # an edge and its inverse, half the list apart, leave together
            weight = weight * (torch.rand(half, device=device) >= self.hiding.facts).repeat(2)
        hidden = torch.zeros(graph.num_nodes, dtype=torch.bool, device=device)
        hidden[graph.item_nodes] = cold
        touches = hidden[graph.edge_index].any(dim=0)
        return graph.with_edge_weight(weight.masked_fill(touches & graph.is_interaction, 0.0))

    def _draw_cold_items(self, step: int) -> Tensor:
        """``[I]``: the warm items that play cold in this step, the same on every process."""
        if self.hiding.items == 0:
            return self.warm_items
        generator = torch.Generator().manual_seed(stream_seed(self.stream, "cold items", step))
        draw = torch.rand(self.num_items, generator=generator).to(self.device)
        return self.warm_items & (draw < self.hiding.items)


class Standardize(nn.Module):
    """Columns to mean 0, and rows to an expected length of 1, by the statistics of the rows given.

    Args:
        rows: ``[n, D]`` whose statistics are kept (and stored with the weights).
    """

    def __init__(self, rows: Tensor) -> None:
        super().__init__()
        width = rows.shape[1]
        enough = len(rows) > 1
        self.register_buffer("mean", rows.mean(dim=0) if enough else torch.zeros(width))
        scale = rows.std(dim=0).clamp(min=1e-6) if enough else torch.ones(width)
        self.register_buffer("scale", scale * width**0.5)

    def forward(self, x: Tensor) -> Tensor:
        """``[N, D]`` to ``[N, D]``."""
        return (x - self.mean) / self.scale


def user_factors(train: Pairs, num_users: int, num_items: int, rank: int) -> np.ndarray:
    """Left factors ``[U, rank]`` of the truncated SVD of the degree-normalised training matrix.

    Columns beyond the rank of the matrix are 0.
    """
    ones = np.ones(len(train), dtype=np.float64)
    matrix = csr_matrix((ones, (train[:, 0], train[:, 1])), shape=(num_users, num_items))
    user_norm = 1 / np.sqrt(np.maximum(matrix.sum(axis=1), 1))
    item_norm = 1 / np.sqrt(np.maximum(matrix.sum(axis=0), 1))
    matrix = matrix.multiply(user_norm).multiply(item_norm).tocsr()
    possible = min(rank, min(matrix.shape) - 1)
    left, values, _ = svds(matrix, k=possible, v0=np.ones(min(matrix.shape)))
    factors = np.zeros((num_users, rank))
    factors[:, :possible] = left * np.sqrt(values)
    return factors


def _log_fact_counts(graph: Graph) -> Tensor:
    """``[I, 1]``: log(1 + number of facts) of each item."""
    source = graph.edge_index[0, ~graph.is_interaction]
    counts = torch.bincount(source, minlength=graph.num_nodes)[graph.item_nodes]
    return counts.float().log1p().unsqueeze(1)


def _visible(graph: Graph, interactions_in_graph: bool, min_facts: int) -> Graph:
    """The graph with weight 0 on edges that the settings leave out."""
    first_entity = len(graph.user_nodes) + len(graph.item_nodes)
    facts = torch.bincount(graph.edge_index[0, ~graph.is_interaction], minlength=graph.num_nodes)
    rare = facts < min_facts
    rare[:first_entity] = False
    left_out = rare[graph.edge_index].any(dim=0)
    if not interactions_in_graph:
        left_out = left_out | graph.is_interaction
    return graph.with_edge_weight((~left_out).float())
