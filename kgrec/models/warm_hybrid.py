"""Ids, graph and text together: the hybrid for items that somebody has already touched."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kgrec.errors import InputError
from kgrec.kg.graph import kept_nodes
from kgrec.models.base import Batch, ModelInputs, Recommender
from kgrec.models.diagnostics import Diagnostics
from kgrec.models.features import unit_text
from kgrec.models.graph_view import on_whole_graph
from kgrec.models.item_graph import ItemGraph
from kgrec.models.item_operator import ItemOperator, SolvedOperator
from kgrec.nn.embedding import embedding_table
from kgrec.nn.fusion.base import Fusion, require_plain
from kgrec.nn.gnn.base import GNN
from kgrec.nn.losses import RankingLoss


@dataclass(frozen=True)
class Blend:
    """A closed form whose scores are added to the network's.

    Attributes:
        operator: the closed form.
        weight: of its scores, ≥ 0, beside those of the network, which weigh 1.

    Raises:
        InputError: a negative weight.
    """

    operator: ItemOperator
    weight: float

    def __post_init__(self) -> None:
        if self.weight < 0:
            raise InputError(f"model.blend.weight: found {self.weight}, expected at least 0")


class WarmHybrid(Recommender):
    r"""A graph network over interactions, facts and items alike, begun at ids ⊕ text, beside a closed form.

    .. math::
        x_i = \mathrm{fusion}(e_i, W t_i), \quad
        (z_u, z_i) = \mathrm{gnn}([e_u ; x_i ; e_{entity}], G), \quad
        s(u, i) = \rho(z_u) \cdot \rho(z_i) + \beta \, (x_u B)_i

    with ρ the loss's ranking space, G the graph of :class:`~kgrec.models.item_graph.ItemGraph` and B an
    :class:`~kgrec.models.item_operator.ItemOperator`. The network is trained on its own scores: B was solved
    from the very pairs it would be trained on, and would leave nothing to learn.

    Relation to :class:`~kgrec.models.hybrid.Hybrid`: that one has no item ids, so that it can score items
    nobody has touched; this one cannot embed a new item.

    Args:
        inputs: dataset, graph and text.
        embedding_dim: D, width of users, items and entities.
        init_std: standard deviation (> 0) of their initial embeddings, and of the embedded text's.
        item_ids: whether items have an :math:`e_i`; without, an item is its text and what surrounds it, which
            cannot be learned by heart.
        gnn: builds the graph network from ``(in_dim, num_relations)``.
        fusion: builds the fusion from ``(structured_dim, text_dim, out_dim)``.
        loss: the ranking loss.
        item_graph: what the network propagates over.
        blend: the closed form beside it; ``None`` = the network alone.
    """

    needs_graph: ClassVar[bool] = True
    needs_text: ClassVar[bool] = True
    reads_attributes: ClassVar[bool] = True
    text: Tensor
    has_text: Tensor
    has_id: Tensor

    def __init__(
        self,
        inputs: ModelInputs,
        *,
        embedding_dim: int,
        init_std: float,
        item_ids: bool,
        gnn: Callable[..., GNN],
        fusion: Callable[..., Fusion],
        loss: RankingLoss,
        item_graph: ItemGraph,
        blend: Blend | None,
    ) -> None:
        super().__init__(inputs)
        graph, text = self.required_inputs(inputs)
        self.criterion = loss
        self.num_negatives = loss.num_negatives
        self.blend = blend
        self.item_graph = item_graph
        self._inputs = inputs
        self._solved: SolvedOperator | None = None
        self.graph = item_graph.build(graph, text)
        self.kept_nodes, self.num_nodes = kept_nodes(graph, item_graph.visible(graph)), graph.num_nodes
        unit = torch.from_numpy(unit_text(text, center=True)).float()
        self.register_buffer("text", unit, persistent=False)
        self.register_buffer("has_text", text.has_text, persistent=False)
        self.register_buffer("has_id", torch.full((self.num_items,), item_ids), persistent=False)

        self.table = embedding_table(self.graph.num_nodes, embedding_dim, init_std)
        self.from_text = nn.Linear(unit.shape[1], embedding_dim, bias=False)
        nn.init.normal_(self.from_text.weight, std=init_std)
        built = fusion(structured_dim=embedding_dim, text_dim=embedding_dim, out_dim=embedding_dim)
        self.fusion = require_plain(built, "warm_hybrid")
        self.gnn = gnn(embedding_dim, self.graph.num_relations)

    def loss(self, batch: Batch) -> Tensor:
        """Mean ranking loss of the batch, by the network's scores."""
        users, items = self._propagated()
        user_ids, rows = torch.unique(batch.users, return_inverse=True)
        return self.criterion(F.embedding(user_ids, users), items, batch.items, batch.negatives, rows=rows)

    def embeddings(self) -> tuple[Tensor, Tensor] | None:
        """Users ``[U, D]`` and items ``[I, D]`` in the ranking space, where no closed form is added."""
        return self._ranked() if self._has_no_blend else None

    def score(self, user_ids: Tensor) -> Tensor:
        """Scores ``[B, I]``: the network's, and the closed form's."""
        keep = not self.training and not torch.is_grad_enabled()
        pair = self._pair if keep and self._pair is not None else self._ranked()
        self._pair = pair if keep else None
        users, items = pair
        scores = users[user_ids] @ items.T
        if self._has_no_blend or self.blend is None:
            return scores
        return scores + self.blend.weight * self._solved_operator().score(user_ids)

    def diagnostics(self) -> Diagnostics:
        """How much of each item is its id and how little its text, and the network's relations."""
        items = self.table.weight[self.num_users : self.num_users + self.num_items]
        share = self.fusion.structured_share(items, self.from_text(self.text), self.has_text, self.has_id)
        return Diagnostics.of({"id_share": share}, self.gnn.relation_weights(), self.graph)

    @property
    def _has_no_blend(self) -> bool:
        return self.blend is None or self.blend.weight == 0

    def _ranked(self) -> tuple[Tensor, Tensor]:
        users, items = self._propagated()
        return self.criterion.ranking_space(users), self.criterion.ranking_space(items)

    def _propagated(self) -> tuple[Tensor, Tensor]:
        users, items = self._nodes()[: self.num_users + self.num_items].split(
            [self.num_users, self.num_items]
        )
        return users, items

    def node_vectors(self) -> Tensor:
        """What the network makes of each node, ``[N, D]``."""
        return on_whole_graph(self._nodes(), self.kept_nodes, self.num_nodes)

    def _nodes(self) -> Tensor:
        if self.graph.edge_index.device != self.device:
            self.graph = self.graph.to(self.device)
        sizes = [self.num_users, self.num_items, self.graph.num_nodes - self.num_users - self.num_items]
        users, items, entities = self.table.weight.split(sizes)
        items = self.fusion(items, self.from_text(self.text), self.has_text, self.has_id)
        graph = self.item_graph.thinned(self.graph) if self.training else self.graph
        nodes: Tensor = self.gnn(torch.cat([users, items, entities]), graph)
        return nodes

    def _solved_operator(self) -> SolvedOperator:
        """The closed form, solved when first asked for: it follows from the data, so it is not stored."""
        if self._solved is None:
            if self.blend is None:
                raise TypeError("WarmHybrid has no closed form to solve")
            self._solved = self.blend.operator.solve(self._inputs)
            self.chosen = self._solved.setting
        if self._solved.weights.device != self.device:
            self._solved = self._solved.to(self.device)
        return self._solved
