"""KGCN: each user sees the knowledge graph around an item with weights of their own."""

from collections.abc import Callable, Iterator
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kgrec.models.base import ModelInputs
from kgrec.models.pairwise import PairwiseRecommender
from kgrec.models.settings import check_sizes, check_weights
from kgrec.nn.aggregators import Aggregator
from kgrec.nn.embedding import embedding_table
from kgrec.nn.facts import NeighbourSampler, facts_of
from kgrec.nn.losses import RankingLoss, embedding_l2

_CACHED, _HELD = 1 << 18, 1 << 23
"""Numbers that ranking works on at once, so that they stay in the processor's cache, and that it keeps."""


class KGCN(PairwiseRecommender):
    r"""Knowledge Graph Convolutional Networks, Wang et al., WWW 2019, https://arxiv.org/abs/1904.12575 (§3).

    An item is mixed with K sampled neighbours in the graph, these with theirs, H hops far. How much a
    neighbour counts depends on the user and on the relation that leads to it (eqs. 1 to 3):

    .. math::
        w^u_{e,k} = \operatorname{softmax}_k (u^T r_{e,k}), \quad
        e^{(h)}_u = \sigma_h \big( agg_h (e^{(h-1)}_u, \sum_k w^u_{e,k} \, n^{(h-1)}_{u,k}) \big), \quad
        s_{ui} = u^T i^{(H)}_u

    with :math:`\sigma` = ReLU, tanh after the last hop. Scores are inner products in the loss's ranking
    space: log-odds with ``loss=bce``, the paper's criterion, cosines where the loss normalises. A cold item
    is scored by its initial embedding and its neighbours'.

    Ranking uses that an aggregator is affine: the product with its matrix is taken once per entity, and what
    is left per user is a mixture with K weights. An item whose neighbours are all reached by one relation
    weighs them equally for everyone, so its vector is computed once for all users.

    Differences from the paper: the neighbourhood is drawn once, as in the published code; the penalty is
    that of the users and items of the batch, not of all parameters. From the published code: inner products
    and sums, as in the paper, where the code takes means over D and over K. Facts are read in both
    directions under one relation, and interactions are no edges, as in the code.

    Args:
        inputs: with a graph.
        embedding_dim: D ≥ 1.
        hops: H ≥ 1.
        neighbours: draws the K neighbours of each entity.
        aggregator: D → how an entity and its neighbours are joined, one for each hop.
        init_std: standard deviation (> 0) of the initial embeddings.
        l2_weight: ≥ 0, of half the mean squared length of the batch's users and items.
        loss: a loss of sampled items.

    Raises:
        ValueError: there is no graph.
        InputError: a setting outside its range.
    """

    needs_graph = True
    neighbours: Tensor
    relations: Tensor
    _fixed: Tensor
    _varying: Tensor

    def __init__(
        self,
        inputs: ModelInputs,
        *,
        embedding_dim: int,
        hops: int,
        neighbours: NeighbourSampler,
        aggregator: Callable[[int], Aggregator],
        init_std: float,
        l2_weight: float,
        loss: RankingLoss,
    ) -> None:
        super().__init__(inputs, loss)
        check_sizes(hops=hops)
        check_weights(l2_weight=l2_weight)
        facts = facts_of(self.required_graph(inputs)).undirected()
        rows, relations = neighbours(facts)
        self.register_buffer("neighbours", rows, persistent=False)
        self.register_buffer("relations", relations, persistent=False)
        # With one hop, an item reached by one relation has the same vector for every user.
        varies = (relations != relations[:, :1]).any(dim=1)[: self.num_items] | (hops > 1)
        self.register_buffer("_fixed", (~varies).nonzero().squeeze(1), persistent=False)
        self.register_buffer("_varying", varies.nonzero().squeeze(1), persistent=False)
        self.user_table = embedding_table(self.num_users, embedding_dim, init_std)
        self.entity_table = embedding_table(facts.num_rows, embedding_dim, init_std)
        self.relation_table = embedding_table(facts.num_relations, embedding_dim, init_std)
        self.aggregators = nn.ModuleList(aggregator(embedding_dim) for _ in range(hops))
        self.l2_weight = l2_weight

    def score_items(self, user_ids: Tensor, item_ids: Tensor) -> Tensor:
        """Scores ``[B, m]`` of ``item_ids [B, m]``; memory B × m × K^(H-1) × (D + K)."""
        users = self.user_table(user_ids)
        vectors = self._in_ranking_space(self._item_vectors(users, item_ids))
        return torch.bmm(vectors, self._in_ranking_space(users).unsqueeze(2)).squeeze(2)

    @torch.no_grad()
    def score(self, user_ids: Tensor) -> Tensor:
        """Scores ``[B, I]`` of all items, without gradients."""
        users = self.user_table(user_ids)
        scores = users.new_empty(self.num_items, len(users))  # item by item, as they are found
        if len(self._fixed):
            vectors = self._item_vectors(users.new_zeros(1, users.shape[1]), self._fixed.unsqueeze(0))[0]
            scores[self._fixed] = self._in_ranking_space(vectors) @ self._in_ranking_space(users).T
        if len(self._varying):
            # Beyond one hop the vectors of all entities are held, so few users are scored at once.
            size = _HELD // self.entity_table.weight.numel() if len(self.aggregators) > 1 else len(users)
            size = max(1, size)
            for part, column in zip(users.split(size), scores.split(size, dim=1), strict=True):
                self._score_varying(part, column)
        return scores.T

    def penalty(self, user_ids: Tensor, item_ids: Tensor, labels: Tensor) -> Tensor:
        """Weighted L2 of the users and items of the batch."""
        return self.l2_weight * embedding_l2(self.user_table(user_ids), self.entity_table(item_ids))

    def _logits(self, users: Tensor) -> Tensor:
        """``[B, R]``: how much each user wants each relation."""
        return users @ self.relation_table.weight.T

    def _receptive_field(self, users: Tensor, item_ids: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Entities ``[B, m K^h]`` and weights of their neighbours ``[B, m K^h, K]``, for h = 0 … H - 1."""
        logits = self._logits(users)
        rows, entities, weights = item_ids, [], []
        for _ in self.aggregators:
            entities.append(rows)
            near = logits.gather(1, self.relations[rows].flatten(1)).view(*rows.shape, -1)
            weights.append(near.softmax(dim=2))
            rows = self.neighbours[rows].flatten(1)
        return entities, weights

    def _item_vectors(self, users: Tensor, item_ids: Tensor) -> Tensor:
        """``[B, m, D]`` of ``item_ids [B, m]`` as ``users [B, D]`` see them."""
        table = self.entity_table.weight
        entities, weights = self._receptive_field(users, item_ids)
        own = [F.embedding(rows, table) for rows in entities]
        mixed = [self._mix_rows(rows, near) for rows, near in zip(entities, weights, strict=True)]
        for hop, aggregator in enumerate(self.aggregators):
            pairs = zip(own, mixed, strict=True)
            vectors = [self._activation(hop)(aggregator(entity, near)) for entity, near in pairs]
            own = vectors[:-1]
            mixed = [
                (near.unsqueeze(2) @ inner.view(*near.shape, -1)).squeeze(2)
                for near, inner in zip(weights, vectors[1:], strict=False)
            ]
        return vectors[0]

    def _mix_rows(self, rows: Tensor, weights: Tensor) -> Tensor:
        """Mixed initial embeddings ``[B, n, D]`` of the neighbours of ``rows [B, n]``, never written out."""
        mixed = F.embedding_bag(
            self.neighbours[rows].flatten(0, 1),
            self.entity_table.weight,
            per_sample_weights=weights.flatten(0, 1),
            mode="sum",
        )
        return mixed.view(*rows.shape, -1)

    def _activation(self, hop: int) -> Callable[[Tensor], Tensor]:
        return torch.tanh if hop == len(self.aggregators) - 1 else torch.relu

    def _score_varying(self, users: Tensor, scores: Tensor) -> None:
        """Fill the rows ``[I, B]`` of the items that each user sees differently, hop by hop."""
        table = self.entity_table.weight.unsqueeze(1)
        everything = torch.arange(len(table), device=table.device)
        for hop in range(len(self.aggregators) - 1):
            held = table.new_empty(len(table), len(users), table.shape[2])
            for rows, vectors in self._after_hop(hop, table, everything, users):
                held[rows] = vectors
            table = held
        ranked = self._in_ranking_space(users)
        for rows, vectors in self._after_hop(len(self.aggregators) - 1, table, self._varying, users):
            scores[rows] = (self._in_ranking_space(vectors) * ranked).sum(dim=2)

    def _after_hop(
        self, hop: int, table: Tensor, rows: Tensor, users: Tensor
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Some of ``rows`` at a time, with their vectors ``[n, B, D]`` after ``hop``.

        ``table`` is ``[N, B, D]``, or ``[N, 1, D]`` where it is the same for all users.
        """
        aggregator, activation = cast(Aggregator, self.aggregators[hop]), self._activation(hop)
        own, others = aggregator.own_part(table), aggregator.neighbour_part(table)
        logits = self._logits(users).T.contiguous()
        for part in rows.split(max(1, _CACHED // max(1, users.numel()))):
            weights = logits[self.relations[part]].softmax(dim=1)  # [n, K, B]
            near = others[self.neighbours[part]]  # [n, K, 1 or B, D]
            if near.shape[2] == 1:
                mixed = torch.baddbmm(own[part], weights.transpose(1, 2), near.squeeze(2))
            else:
                mixed = own[part] + (weights.unsqueeze(3) * near).sum(dim=1)
            yield part, activation(mixed)
