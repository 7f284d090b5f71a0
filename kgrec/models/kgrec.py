"""KGRec: attention over facts, which also decides what is masked and what is contrasted."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kgrec.errors import InputError
from kgrec.kg.graph import Graph
from kgrec.models.base import Batch, ModelInputs, Recommender
from kgrec.models.settings import check_sizes, check_weights
from kgrec.nn.csr import SparseMatrix, SparseStructure
from kgrec.nn.dropout import GraphDropout
from kgrec.nn.fact_attention import FactAttention, FactEdges
from kgrec.nn.fact_layers import train_pairs
from kgrec.nn.glorot import glorot
from kgrec.nn.losses import RankingLoss, embedding_l2
from kgrec.nn.unit_rows import unit_rows_


@dataclass(frozen=True)
class SelfSupervision:
    """KGRec's two tasks beside ranking.

    Attributes:
        mask_size: facts of highest rationale that are masked in a step, ≥ 1; as many random ones are, too.
        mask_weight: λ₁ ≥ 0 of foretelling the masked facts.
        contrast_weight: λ₂ ≥ 0 of the contrast of the two views of an item.
        temperature: τ > 0 of the contrast.
        contrast_drop: share in [0, 1) of the least rational facts and interactions left out of the views.

    Raises:
        InputError: a value outside its range.
    """

    mask_size: int
    mask_weight: float
    contrast_weight: float
    temperature: float
    contrast_drop: float

    def __post_init__(self) -> None:
        checks = {
            "mask_size": (self.mask_size >= 1, "a whole number >= 1"),
            "mask_weight": (self.mask_weight >= 0, "a number >= 0"),
            "contrast_weight": (self.contrast_weight >= 0, "a number >= 0"),
            "temperature": (self.temperature > 0, "a number > 0"),
            "contrast_drop": (0 <= self.contrast_drop < 1, "a share in [0, 1)"),
        }
        for name, (good, wanted) in checks.items():
            if not good:
                raise InputError(f"model.tasks.{name}: found {getattr(self, name)}, expected {wanted}")


class KGRec(Recommender):
    r"""KGRec, Yang et al., KDD 2023, https://arxiv.org/abs/2307.02759 (§3).

    A fact's rationale is an attention with H heads, which weights what passes along it; users are sums of
    their items:

    .. math::
        f(i, r, j) = \frac{\langle W e_i, W e_j \odot z_r \rangle}{\sqrt{D / H}}, \quad
        e_i^{(l+1)} = \mathrm{unit} \sum_{(r, j)} \mathrm{softmax}_i(f)\, z_r \odot e_j^{(l)}, \quad
        e_u^{(l+1)} = \mathrm{unit} \sum_{i \in N_u} e_i^{(l)}

    with the sum over layers as embeddings, and inner products in the loss's ranking space as scores. In each
    step, the rationale γ = |N_i| softmax(f) of the facts that are not dropped chooses, with Gumbel noise,

    1. the most rational facts, which are masked (with as many random ones) and must be foretold by
       :math:`-\ln \sigma(\langle e_i, z_r \odot e_j \rangle)`;
    2. two views of each item, without the least rational facts, and without the interactions of items with
       the least rational facts: propagated over facts alone, and over interactions alone, they pass a
       two-layer network each and are contrasted with one other item,
       :math:`-\ln \frac{p}{2 p + n}` with p = exp(cos / τ) of the item's views and n the sum over the other.

    Differences from the paper, those of its code: one other item in the contrast, 2p in it, rows scaled to
    length 1. Others: edges are dropped one by one instead of a fixed share per relation; interactions
    of the view are drawn with one Gumbel noise, which is drawing by softmax(γ) without replacement; the means
    over neighbours of the views are sums, as the scaling takes 1/|N| away. Any ranking loss may stand for
    ``loss=bpr``. A cold item is known by its facts.

    Args:
        inputs: training interactions, and the graph.
        embedding_dim: D ≥ 1, a multiple of H.
        num_layers: ≥ 1.
        num_heads: H ≥ 1.
        dropout: of facts, interactions and messages while training.
        tasks: masking and contrast.
        l2: ≥ 0, weight of half the squared length of a batch's embeddings, a mean over its pairs.
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
        num_heads: int,
        dropout: GraphDropout,
        tasks: SelfSupervision,
        l2: float,
        loss: RankingLoss,
    ) -> None:
        super().__init__(inputs)
        if num_heads < 1 or embedding_dim < 1 or embedding_dim % num_heads:
            found = f"model.embedding_dim: found {embedding_dim} with {num_heads} heads"
            raise InputError(f"{found}, expected a multiple of model.num_heads >= 1")
        check_sizes(num_layers=num_layers)
        check_weights(l2=l2)
        self.num_layers = num_layers
        self.dropout, self.tasks, self.l2 = dropout, tasks, l2
        self._graph = graph = self.required_graph(inputs)
        self._facts, self._seen = FactEdges(graph), _Seen(graph)
        self.nodes = glorot(graph.num_nodes, embedding_dim)
        self.attention = FactAttention(embedding_dim, graph.num_relations, num_heads)
        self.projections = nn.ModuleList(_projection(embedding_dim) for _ in range(2))
        self.criterion = loss
        self.num_negatives = loss.num_negatives

    def loss(self, batch: Batch) -> Tensor:
        """Mean ranking loss of the batch, its penalty, and both tasks."""
        facts, seen = self._kept()
        rationale = self.attention.rationale(self.nodes, self._facts, facts)
        noisy = torch.where(facts > 0, rationale + _gumbel(facts), -torch.inf)
        masked = self._masked(noisy, facts)
        nodes = self._propagated(facts.index_fill(0, masked, 0.0), seen)
        users, items = self._split(nodes)
        rows = F.embedding(batch.users, users)
        ranking = self.criterion(rows, items, batch.items, batch.negatives) + self.l2 * embedding_l2(
            rows, F.embedding(batch.items, items), F.embedding(batch.negatives, items)
        )
        foretold = self.attention.foretold(nodes, self._facts, masked)
        foretelling = F.softplus(-foretold).sum() / max(len(masked), 1)
        contrast = self._contrast(noisy, rationale, facts, seen)
        return ranking + self.tasks.mask_weight * foretelling + self.tasks.contrast_weight * contrast

    def penalty(self, user_ids: Tensor, item_ids: Tensor, labels: Tensor) -> Tensor:
        """The weighted L2 of the embeddings that the pairs read."""
        users, items = self._split(self._propagated(*self._kept()))
        return self.l2 * embedding_l2(F.embedding(user_ids, users), F.embedding(item_ids, items))

    def embeddings(self) -> tuple[Tensor, Tensor]:
        """Users ``[U, D]`` and items ``[I, D]`` in the loss's ranking space."""
        users, items = self._split(self._propagated(*self._kept()))
        return self.criterion.ranking_space(users), self.criterion.ranking_space(items)

    def node_vectors(self) -> Tensor:
        """All nodes, summed over layers, ``[N, D]``."""
        return self._propagated(*self._kept())

    def _split(self, nodes: Tensor) -> tuple[Tensor, Tensor]:
        users, items = nodes[: self.num_users], nodes[self.num_users :]
        return users, items[: self.num_items]

    def _kept(self) -> tuple[Tensor, Tensor]:
        """Weights, 1 or 0 = dropped in this step, of facts ``[E]`` and interactions ``[n]``."""
        if self._graph.edge_index.device != self.device:
            self._graph = self._graph.to(self.device)
            self._facts, self._seen = FactEdges(self._graph), _Seen(self._graph)
        facts, seen = self._facts.num_edges, len(self._seen.item)
        kept: tuple[Tensor | None, Tensor | None] = (None, None)
        if self.training:
            drop = self.dropout
            kept = drop.kept_edges(facts, self.device), drop.kept_interactions(seen, self.device)
        ones = torch.ones(facts, device=self.device), torch.ones(seen, device=self.device)
        weights = [one if keep is None else keep.float() for keep, one in zip(kept, ones, strict=True)]
        return weights[0], weights[1]

    def _propagated(self, facts: Tensor, seen: Tensor) -> Tensor:
        """``[N, D]``: the sum over layers, along facts and interactions of these weights."""
        interactions = SparseMatrix(self._seen.structure, seen)
        nodes: Tensor = self.nodes
        total = nodes
        for _ in range(self.num_layers):
            users = interactions @ self._split(nodes)[1]
            others = self.attention(nodes, self._facts, facts)[self.num_users :]
            nodes = self._unit(torch.cat([users, others]))
            total = total + nodes
        return total

    def _unit(self, messages: Tensor) -> Tensor:
        return unit_rows_(messages, self.dropout.dropped_messages(messages) if self.training else None)

    def _masked(self, noisy: Tensor, facts: Tensor) -> Tensor:
        """Ids of the facts to be foretold: the most rational ones, and random ones among those kept."""
        kept = int(facts.sum())
        size = min(self.tasks.mask_size, kept)
        best = torch.topk(noisy, size, sorted=False).indices
        chance = torch.where(facts > 0, torch.rand_like(facts), -1.0)
        return torch.unique(torch.cat([best, torch.topk(chance, size, sorted=False).indices]))

    def _contrast(self, noisy: Tensor, rationale: Tensor, facts: Tensor, seen: Tensor) -> Tensor:
        """Contrast of the items' views along facts and along interactions, shape ``[]``."""
        keep = 1 - self.tasks.contrast_drop
        along_facts = _largest(noisy, round(keep * float(facts.sum())))
        by_item = self._facts.mean_of_nodes(rationale, facts)[self.num_users + self._seen.item]
        chance = torch.where(seen > 0, by_item + _gumbel(seen), -torch.inf)
        along_seen = _largest(chance, round(keep * float(seen.sum())))
        views = self._fact_view(along_facts), self._seen_view(along_seen)
        first, second = (F.normalize(net(view)) for net, view in zip(self.projections, views, strict=True))
        other = torch.randperm(len(first)).to(first.device)
        positive = torch.exp((first * second).sum(dim=1) / self.tasks.temperature)
        negative = sum(
            torch.exp((one * F.embedding(other, two)).sum(dim=1) / self.tasks.temperature)
            for one, two in ((first, second), (second, first))
        )
        return -(positive / (2 * positive + negative)).log().mean()

    def _fact_view(self, weights: Tensor) -> Tensor:
        """``[I, D]`` items propagated along facts alone."""
        nodes: Tensor = self.nodes
        total = self._split(nodes)[1]
        for _ in range(self.num_layers):
            nodes = self._unit(self.attention.unweighted(nodes, self._facts, weights))
            total = total + self._split(nodes)[1]
        return total

    def _seen_view(self, weights: Tensor) -> Tensor:
        """``[I, D]`` items propagated along interactions alone, each user's share 1 / |N_u| of the total."""
        matrix = SparseMatrix(self._seen.structure, weights * self._seen.share)
        users, items = self._split(self.nodes)
        total = items
        for _ in range(self.num_layers):
            users, items = self._unit(matrix @ items), self._unit(matrix.transpose() @ users)
            total = total + items
        return total


class _Seen:
    """Training interactions: their pattern ``[U, I]``, the item ``[n]`` and 1 / |N_u| ``[n]`` of each."""

    def __init__(self, graph: Graph) -> None:
        user, self.item = train_pairs(graph)
        self.structure = SparseStructure.build(user, self.item, (len(graph.user_nodes), graph.num_items))
        self.share = 1 / torch.bincount(user, minlength=1)[user].float()


def _projection(dim: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(dim, dim), nn.ReLU(), nn.Linear(dim, dim))


def _gumbel(like: Tensor) -> Tensor:
    """Noise that turns the largest into a draw by softmax."""
    return -torch.rand_like(like).clamp(min=1e-12).log().neg().clamp(min=1e-12).log()


def _largest(values: Tensor, count: int) -> Tensor:
    """Weights: 1 for the ``count`` largest of ``values [E]``, 0 for the others."""
    chosen = torch.topk(values, count, sorted=False).indices
    return torch.zeros_like(values).index_fill(0, chosen, 1.0)
