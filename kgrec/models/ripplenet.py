"""RippleNet: a user is the answer of the facts around their history to the item in question."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kgrec.models.base import ModelInputs
from kgrec.models.pairwise import PairwiseRecommender
from kgrec.models.settings import check_weights
from kgrec.nn.embedding import embedding_table
from kgrec.nn.facts import facts_of
from kgrec.nn.losses import RankingLoss, embedding_l2
from kgrec.nn.relation_products import RelationProducts
from kgrec.nn.ripple_sets import RippleSampler

_HELD, _TINY = 1 << 18, 1e-24
"""Weights of items and memories held at once while ranking; the least squared length of a cosine."""


class RippleNet(PairwiseRecommender):
    r"""RippleNet, Wang et al., CIKM 2018, https://arxiv.org/abs/1803.03467 (§3).

    The ripple sets of a user are memories: the item asks each fact (h, r, t) of a hop, and is answered with
    a mixture of tails, which it takes along to the next hop (eqs. 4 to 7):

    .. math::
        p_m = \operatorname{softmax}_m (v^T R_m h_m), \quad o^{(k)} = \sum_m p_m t_m, \quad
        v \leftarrow W (v + o^{(k)}), \quad s_{ui} = v^T \sum_k o^{(k)}

    begun with v the item's embedding. The penalty (eqs. 10 and 13) wants facts to be credible,
    :math:`\lambda \operatorname{mean}_m (1 - \sigma(h_m^T R_m t_m))` summed over hops, and embeddings short.
    Scores are inner products in the loss's ranking space: log-odds with ``loss=bce``, the paper's criterion.
    A user without facts around their history has 0 for every item.

    Each R h is multiplied out once for all memories that share it. Ranking keeps to the weights p: what an
    item becomes is W^k v plus mixtures of a few transformed tails per user.

    Differences from the paper: items are updated by the matrix W and users add up all hops, as in the
    published code, whose loss of facts this is too (the paper's has squared errors over all pairs of
    entities); a ripple set goes on from the facts that were drawn; the penalty is that of the facts and
    items in the batch. The history of a training pair includes its own item, as in the paper.

    Args:
        inputs: with a graph.
        embedding_dim: D ≥ 1.
        ripple_sets: draws the memories.
        init_std: standard deviation (> 0) of the initial embeddings; relation matrices begin at that of a
            random rotation.
        kge_weight: λ ≥ 0, of the credibility of the facts.
        l2_weight: ≥ 0, of half the mean squared length of heads, tails, relations and items.
        loss: a loss of sampled items.

    Raises:
        ValueError: there is no graph.
        InputError: a setting outside its range.
    """

    needs_graph = True
    memories: Tensor
    has_facts: Tensor
    heads: Tensor
    relations: Tensor
    tails: Tensor

    def __init__(
        self,
        inputs: ModelInputs,
        *,
        embedding_dim: int,
        ripple_sets: RippleSampler,
        init_std: float,
        kge_weight: float,
        l2_weight: float,
        loss: RankingLoss,
    ) -> None:
        super().__init__(inputs, loss)
        check_weights(kge_weight=kge_weight, l2_weight=l2_weight)
        facts = ripple_sets.facts(facts_of(self.required_graph(inputs)))
        memories, has_facts = ripple_sets(facts, inputs.dataset.train, self.num_users)
        # Without any fact there is nothing to look up: one stands in, which no user reads.
        stand_in = torch.zeros(int(len(facts.heads) == 0), dtype=torch.long)
        self.register_buffer("memories", memories, persistent=False)
        self.register_buffer("has_facts", has_facts, persistent=False)
        for name in ("heads", "relations", "tails"):
            self.register_buffer(name, torch.cat([getattr(facts, name), stand_in]), persistent=False)
        self.asked = RelationProducts(self.relations, self.heads)
        self.told = RelationProducts(self.relations, self.tails)
        self.entity_table = embedding_table(facts.num_rows, embedding_dim, init_std)
        matrices = torch.randn(facts.num_relations, embedding_dim, embedding_dim)
        self.matrices = nn.Parameter(matrices / math.sqrt(embedding_dim))
        self.transform = nn.Linear(embedding_dim, embedding_dim, bias=False)
        nn.init.xavier_normal_(self.transform.weight)
        self.kge_weight = kge_weight
        self.l2_weight = l2_weight

    def score_items(self, user_ids: Tensor, item_ids: Tensor) -> Tensor:
        """Scores ``[B, m]`` of ``item_ids [B, m]``; memory B × H × M × D."""
        table = self.entity_table.weight
        facts = self.memories[user_ids]
        products, place = self.asked(self.matrices, table, facts)
        items = F.embedding(item_ids, table)
        user = torch.zeros_like(items)
        for hop in range(facts.shape[1]):
            keys = F.embedding(place[:, hop], products)
            answer = _answers(items, keys, F.embedding(self.tails[facts[:, hop]], table))
            items = self.transform(items + answer)
            user = user + answer
        scores = (self._in_ranking_space(items) * self._in_ranking_space(user)).sum(dim=2)
        return scores * self.has_facts[user_ids].unsqueeze(1)

    @torch.no_grad()
    def score(self, user_ids: Tensor) -> Tensor:
        """Scores ``[B, I]`` of all items, without gradients."""
        table = self.entity_table.weight
        facts = self.memories[user_ids]
        products, place = self.asked(self.matrices, table, facts)
        scores = table.new_zeros(len(user_ids), self.num_items)
        items = [table[: self.num_items]]
        for _ in range(facts.shape[1]):
            items.append(self.transform(items[-1]))
        size = max(1, _HELD // (facts.shape[2] * self.num_items))
        for rows in self.has_facts[user_ids].nonzero().squeeze(1).split(size):
            scores[rows] = self._score_block(products[place[rows]], table[self.tails[facts[rows]]], items)
        return scores

    def penalty(self, user_ids: Tensor, item_ids: Tensor, labels: Tensor) -> Tensor:
        """Weighted incredibility of the users' facts, and L2 of facts and items."""
        table = self.entity_table.weight
        users, counts = user_ids.unique(return_counts=True)
        facts, place = self.memories[users].unique(return_inverse=True)
        products, told = self.told(self.matrices, table, facts)
        heads, tails = F.embedding(self.heads[facts], table), F.embedding(self.tails[facts], table)
        credible = torch.sigmoid((heads * F.embedding(told, products)).sum(dim=1))
        squares = heads.square().sum(dim=1) + tails.square().sum(dim=1)
        squares = squares + self.matrices.square().sum(dim=(1, 2))[self.relations[facts]]
        per_fact = self.kge_weight * (1 - credible) + self.l2_weight / 2 * squares
        per_user = per_fact[place].mean(dim=2).sum(dim=1) * self.has_facts[users]
        of_items = self.l2_weight * embedding_l2(F.embedding(item_ids, table))
        return (per_user * counts).sum() / len(user_ids) + of_items

    def _score_block(self, keys: Tensor, tails: Tensor, items: list[Tensor]) -> Tensor:
        """Scores ``[B, I]`` from ``keys`` and ``tails [B, H, M, D]``, and items after each hop ``[I, D]``.

        After hop k an item is ``items[k]`` plus, for each earlier hop, its weights times the tails that have
        been transformed as often as the item has since. So all inner products are forms in the weights, and
        no vector of D numbers is written per user and item.
        """
        weights: list[Tensor] = []
        carried: list[Tensor] = []
        for hop in range(keys.shape[1]):
            asked = keys[:, hop]
            logits = asked @ items[hop].T
            for weight, tail in zip(weights, carried, strict=True):
                logits = logits.baddbmm_(asked @ tail.transpose(1, 2), weight)
            weights.append(logits.softmax(dim=1))
            carried = [self.transform(tail) for tail in (*carried, tails[:, hop])]
        mixed, added, answers = torch.cat(weights, dim=1), torch.cat(carried, dim=1), tails.flatten(1, 2)
        scores = _form(mixed, answers @ items[-1].T, answers @ added.transpose(1, 2))
        if not self.criterion.normalize:
            return scores
        user = _form(mixed, torch.zeros_like(mixed), answers @ answers.transpose(1, 2))
        item = _form(mixed, 2 * added @ items[-1].T, added @ added.transpose(1, 2))
        item = item + items[-1].square().sum(dim=1)
        return scores / (user * item).clamp(min=_TINY).sqrt()


def _form(weights: Tensor, linear: Tensor, square: Tensor) -> Tensor:
    """``pᵀ (l + S p)`` of each item, ``[B, I]``: ``p, l [B, n, I]``, ``S [B, n, n]``; overwrites l."""
    return linear.baddbmm_(square, weights).mul_(weights).sum(dim=1)


def _answers(items: Tensor, keys: Tensor, tails: Tensor) -> Tensor:
    """Mixtures ``[B, m, D]`` of ``tails [B, M, D]`` for ``items [B, m, D]`` that ask ``keys [B, M, D]``."""
    weights = torch.bmm(items, keys.transpose(1, 2)).softmax(dim=2)
    return torch.bmm(weights, tails)
