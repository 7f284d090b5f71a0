"""LightGCN over the training interactions: the graph-based recommender without a knowledge graph."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from kgrec.kg.graph import Graph, build_graph
from kgrec.models.base import Batch, ModelInputs, Recommender
from kgrec.nn.embedding import embedding_table
from kgrec.nn.gnn.lightgcn import LightGCN as Propagation
from kgrec.nn.losses import RankingLoss


class LightGCN(Recommender):
    r"""LightGCN, He et al., SIGIR 2020, https://arxiv.org/abs/2002.02126 (§3).

    Learned embeddings :math:`E^{(0)}` of users and items, propagated over the bipartite graph of
    training interactions; only the embeddings are trained:

    .. math:: E^{(l+1)} = D^{-1/2} A D^{-1/2} E^{(l)}, \quad E = \frac{1}{L+1} \sum_{l=0}^{L} E^{(l)},
              \quad s_{ui} = e_u^T e_i

    Scores are inner products in the loss's ranking space: cosines where the loss normalises, else of any
    sign. A cold item has no neighbour and keeps its initial embedding. Differences from the paper: any
    ranking loss (``loss=bpr`` is the paper's), and regularisation is the optimiser's weight decay.

    Args:
        inputs: training interactions are used.
        embedding_dim: D ≥ 1.
        num_layers: L ≥ 1.
        init_std: standard deviation (> 0) of the initial embeddings.
        loss: what is minimised.

    Raises:
        InputError: a value outside its range.
    """

    def __init__(
        self, inputs: ModelInputs, embedding_dim: int, num_layers: int, init_std: float, loss: RankingLoss
    ) -> None:
        super().__init__(inputs)
        self._graph = _bipartite_graph(inputs)
        self.table = embedding_table(self._graph.num_nodes, embedding_dim, init_std)
        self.propagation = Propagation(embedding_dim, self._graph.num_relations, num_layers=num_layers)
        self.criterion = loss
        self.num_negatives = loss.num_negatives

    def loss(self, batch: Batch) -> Tensor:
        """Mean ranking loss of the batch."""
        users, items = self._propagated()
        user_ids, rows = batch.users, None
        if self.num_negatives == 0:  # the loss sums over all items: once for each user, not for each pair
            user_ids, rows = torch.unique(batch.users, return_inverse=True)
        return self.criterion(F.embedding(user_ids, users), items, batch.items, batch.negatives, rows=rows)

    def embeddings(self) -> tuple[Tensor, Tensor]:
        """Users ``[U, D]`` and items ``[I, D]`` in the loss's ranking space."""
        users, items = self._propagated()
        return self.criterion.ranking_space(users), self.criterion.ranking_space(items)

    def _propagated(self) -> tuple[Tensor, Tensor]:
        if self._graph.edge_index.device != self.device:
            self._graph = self._graph.to(self.device)
        nodes = self.propagation(self.table.weight, self._graph)
        users, items = nodes.split([self.num_users, self.num_items])
        return users, items


def _bipartite_graph(inputs: ModelInputs) -> Graph:
    """Users, then items, and training interactions, without any triple."""
    dataset = inputs.dataset
    return build_graph(
        num_users=dataset.num_users,
        num_items=dataset.num_items,
        num_entities=0,
        relation_names=[],
        interactions=dataset.train,
        triples=np.empty((0, 3), dtype=np.int64),
        item_to_entity=np.full(dataset.num_items, -1, dtype=np.int64),
    )
