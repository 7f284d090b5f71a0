"""LightKG: linear propagation with a number per relation, and a contrast that needs no second view."""

import numpy as np
import scipy.sparse as sp
import torch
import torch.nn.functional as F
from torch import Tensor

from kgrec.errors import InputError
from kgrec.kg.graph import Graph
from kgrec.models.base import Batch, ModelInputs, Recommender
from kgrec.models.diagnostics import Diagnostics
from kgrec.models.settings import check_sizes, check_weights
from kgrec.nn.dropout import message_dropout
from kgrec.nn.glorot import glorot
from kgrec.nn.gnn.lightkg import LightKG as Propagation
from kgrec.nn.losses import RankingLoss


class LightKG(Recommender):
    r"""LightKG, Li et al., KDD 2025, https://arxiv.org/abs/2506.10347.

    Learned embeddings E of users, items and entities are propagated by
    :class:`kgrec.nn.gnn.lightkg.LightKG` over the collaborative knowledge graph; scores are inner products of
    the outcome, in the loss's ranking space. To the ranking loss is added, for the users of a batch among
    themselves and for its observed items against its sampled ones, what pushes E apart, and least those that
    the graph holds to be alike ("efficient contrastive layer"):

    .. math::
        \lambda \operatorname*{mean}_{k, l} \Big(1 - \frac{1}{\sqrt{d_k d_l}}\Big)
            \exp \frac{(1 - S_{kl}) \cos(e_k, e_l)}{\tau}, \qquad
        S_{kl} = \frac{(A^2 + A)_{kl}}{\sqrt{d_k d_l}}

    with d the number of a node's neighbours, and A the adjacency of users and items (interactions, and facts
    between items). A cold item is known by its facts and its own embedding.

    The formulas are those of the paper's code (1371149/LightKG), which sums over pairs: its weights
    ``user_loss`` and ``item_loss`` times the squared number of its rows (2,040 on Last.FM: 204 pairs × 10
    negatives) are λ here, so that λ does not hang on the batch size. Differences: any ranking loss may stand
    for ``loss=bpr``; where it samples no negatives, observed items are contrasted among themselves; edges are
    not dropped (the code reads ``node_dropout_rate`` but does not use it).

    Args:
        inputs: training interactions, and the graph.
        embedding_dim: D ≥ 1.
        num_layers: L ≥ 1.
        dropout: probability in [0, 1) that a number of E is left out of the propagation while training.
        temperature: τ > 0.
        user_contrast: λ of users, ≥ 0.
        item_contrast: λ of items, ≥ 0.
        loss: what is minimised.

    Raises:
        InputError: a value outside its range.
        ValueError: no graph.
    """

    needs_graph = True

    def __init__(
        self,
        inputs: ModelInputs,
        embedding_dim: int,
        num_layers: int,
        dropout: float,
        temperature: float,
        user_contrast: float,
        item_contrast: float,
        loss: RankingLoss,
    ) -> None:
        super().__init__(inputs)
        check_sizes(embedding_dim=embedding_dim)
        check_weights(user_contrast=user_contrast, item_contrast=item_contrast)
        if not 0 <= dropout < 1:
            raise InputError(f"model.dropout: found {dropout}, expected a probability in [0, 1)")
        if not temperature > 0:
            raise InputError(f"model.temperature: found {temperature}, expected a number > 0")
        self._graph = self.required_graph(inputs)
        self.users = glorot(self.num_users, embedding_dim)
        self.nodes = glorot(self._graph.num_nodes - self.num_users, embedding_dim)
        self.propagation = Propagation(embedding_dim, self._graph.num_relations, num_layers=num_layers)
        self.dropout, self.temperature = dropout, temperature
        self.user_contrast, self.item_contrast = user_contrast, item_contrast
        self._alike, self._distinct = _likeness(self._graph)
        self.criterion = loss
        self.num_negatives = loss.num_negatives

    def loss(self, batch: Batch) -> Tensor:
        """Mean ranking loss of the batch, and what pushes its users and its items apart."""
        users, items = self._propagated()
        total = self.criterion(F.embedding(batch.users, users), items, batch.items, batch.negatives)
        others = batch.negatives.flatten() if batch.negatives.shape[1] else batch.items
        if self.user_contrast:
            total = total + self.user_contrast * self._contrast(self.users, batch.users, batch.users, 0)
        if self.item_contrast:
            contrast = self._contrast(self.nodes, batch.items, others, self.num_users)
            total = total + self.item_contrast * contrast
        return total

    def embeddings(self) -> tuple[Tensor, Tensor]:
        """Users ``[U, D]`` and items ``[I, D]`` in the loss's ranking space."""
        users, items = self._propagated()
        return self.criterion.ranking_space(users), self.criterion.ranking_space(items)

    def diagnostics(self) -> Diagnostics:
        """The number of each relation."""
        return Diagnostics.of({}, self.propagation.relation_weights(), self._graph)

    def _propagated(self) -> tuple[Tensor, Tensor]:
        users, items = self.node_vectors()[: self.num_users + self.num_items].split(
            [self.num_users, self.num_items]
        )
        return users, items

    def node_vectors(self) -> Tensor:
        """All nodes after the propagation, ``[N, D]``."""
        if self._graph.edge_index.device != self.device:
            self._graph = self._graph.to(self.device)
        start = torch.cat([self.users, self.nodes])  # nodes of the graph: users, items, other entities
        if self.training:
            start = message_dropout(start, self.dropout)
        nodes: Tensor = self.propagation(start, self._graph)
        return nodes

    def _contrast(self, table: Tensor, first: Tensor, second: Tensor, offset: int) -> Tensor:
        """The mean of the class's formula over ``first × second``, shape ``[]``.

        Args:
            table: embeddings that the ids point to.
            first: ``[B]`` ids, each counted as often as it stands there.
            second: ``[C]`` ids, likewise.
            offset: node of the graph that id 0 is.
        """
        rows, row_counts = torch.unique(first, return_counts=True)
        columns, column_counts = torch.unique(second, return_counts=True)
        nodes = (rows + offset).cpu().numpy(), (columns + offset).cpu().numpy()
        alike = torch.from_numpy(self._alike[nodes[0]][:, nodes[1]].toarray()).to(table.device)
        distinct = torch.from_numpy(np.outer(self._distinct[nodes[0]], self._distinct[nodes[1]]))
        cosines = F.normalize(F.embedding(rows, table)) @ F.normalize(F.embedding(columns, table)).T
        weights = torch.outer(row_counts, column_counts) * (1 - distinct.to(table.device))
        pushed = weights * torch.exp((1 - alike) * cosines / self.temperature)
        return pushed.sum() / (len(first) * len(second))


def _likeness(graph: Graph) -> tuple[sp.csr_array, np.ndarray]:
    """S ``[U + I, U + I]`` of :class:`LightKG`, and 1/√d of its nodes; 0 for a node without neighbour."""
    source, target = graph.edge_index.cpu().numpy()
    shape = (graph.num_nodes, graph.num_nodes)
    neighbours = sp.csr_array((np.ones(len(source), dtype=np.float32), (target, source)), shape=shape)
    neighbours.sum_duplicates()
    neighbours.data[:] = 1
    degree = np.diff(neighbours.indptr).astype(np.float32)
    inverse_root = np.divide(1, np.sqrt(degree), out=np.zeros_like(degree), where=degree > 0)
    size = len(graph.user_nodes) + graph.num_items
    among = neighbours[:size, :size]
    scale = sp.diags_array(inverse_root[:size])
    return sp.csr_array(scale @ (among @ among + among) @ scale), inverse_root[:size]
