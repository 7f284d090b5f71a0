"""KGAT: attention over the collaborative knowledge graph, learned from the graph's own embedding."""

from collections.abc import Callable
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kgrec.kg.graph import Graph
from kgrec.models.base import Batch, ModelInputs, Recommender
from kgrec.models.settings import check_weights
from kgrec.models.triple_sampler import TripleSampler
from kgrec.nn.csr import SparseMatrix
from kgrec.nn.embedding import embedding_table
from kgrec.nn.knowledge_attention import BiInteraction, KnowledgeAttention
from kgrec.nn.losses import RankingLoss, embedding_l2, read_l2
from kgrec.nn.translation import TransR
from kgrec.shapes import Triples


class KGAT(Recommender):
    r"""Knowledge graph attention network, Wang et al., KDD 2019, https://arxiv.org/abs/1905.07854 (§3).

    Embeddings of all nodes are propagated along attention A, which TransR's view of the graph decides
    (:class:`kgrec.nn.knowledge_attention.KnowledgeAttention`):

    .. math::
        E = \mathrm{BiInteraction}(E^{(0)}, A), \quad s_{ui} = e_u^T e_i, \quad
        L = L_{rank} + \beta \, \mathrm{mean} \, {-\ln \sigma}(d(h, r, t') - d(h, r, t))
            + \frac{\lambda}{2} \, \mathrm{mean} (\lVert e_u \rVert^2 + \lVert e_i \rVert^2)

    Triples are all edges of the collaborative graph: facts, interactions and their inverses. A has no
    gradient. It is computed anew when training begins or goes on after a validation, hence once per epoch,
    and for each evaluation. Scores are inner products in the loss's ranking space. Cold items are reached by
    their facts.

    Differences from the paper: any ranking loss (``loss=bpr`` is the paper's); its two losses are minimised
    in one step, not in turns; the penalty touches what a batch reads. Conclusions of rules may be soft edges
    of that loss, not of the graph (:class:`kgrec.models.triple_sampler.TripleSampler`).

    Args:
        inputs: graph (with the training interactions).
        embedding_dim: D ≥ 1; Xavier's initial embeddings, as in the paper.
        layers: builds the aggregation from D.
        loss: what is minimised over interactions.
        kg_weight: β ≥ 0; 0 = W and r stay as they were drawn, and with them what attention looks at.
        l2: λ ≥ 0.
        translation: builds TransR from numbers of relations and D.
        triples: builds the sampler of edges and of what rules conclude from them.

    Raises:
        InputError: a value outside its range.
        ValueError: no graph.
    """

    needs_graph = True

    def __init__(
        self,
        inputs: ModelInputs,
        embedding_dim: int,
        layers: Callable[..., BiInteraction],
        loss: RankingLoss,
        kg_weight: float,
        l2: float,
        translation: Callable[..., TransR],
        triples: Callable[..., TripleSampler],
    ) -> None:
        super().__init__(inputs)
        check_weights(kg_weight=kg_weight, l2=l2)
        self.kg_weight, self.l2 = kg_weight, l2
        self._graph = self.required_graph(inputs)
        self.table = embedding_table(self._graph.num_nodes, embedding_dim, init_std=1.0)
        nn.init.xavier_normal_(self.table.weight)
        self.layers = layers(embedding_dim)
        self.triples = triples(
            edge_triples(self._graph),
            num_entities=self._graph.num_nodes,
            relation_names=edge_names(self._graph),
            num_negatives=1,
        )
        self.trains_translation = kg_weight > 0 and len(self.triples) > 0
        self.translation = translation(self._graph.num_relations, embedding_dim)
        self.translation.requires_grad_(self.trains_translation)
        self._attend: KnowledgeAttention | None = None
        self._attention: SparseMatrix | None = None
        self.criterion = loss
        self.num_negatives = loss.num_negatives

    def loss(self, batch: Batch) -> Tensor:
        """Ranking loss, weighted loss of a batch of edges, and penalty."""
        users, items = self._propagated()
        users = F.embedding(batch.users, users)
        total = self.criterion(users, items, batch.items, batch.negatives)
        if self.l2 > 0:
            total = total + self.l2 * read_l2(users, items, batch.items, batch.negatives)
        if self.trains_translation:
            for weight, edges in self.triples.batches(batch.step, self.device):
                nodes = self.table(edges.entities())
                distances = self.translation(nodes, edges.relations, edges.relation_counts)
                of_edges = F.softplus(distances[:, 0] - distances[:, 1]).mean()
                total = total + self.kg_weight * weight * of_edges
        return total

    def penalty(self, user_ids: Tensor, item_ids: Tensor, labels: Tensor) -> Tensor:
        """λ/2 · mean squared length of the vectors of the pairs."""
        users, items = self._propagated()
        return self.l2 * embedding_l2(F.embedding(user_ids, users), F.embedding(item_ids, items))

    def embeddings(self) -> tuple[Tensor, Tensor]:
        """Users and items, ``[U, D']`` and ``[I, D']``, in the loss's ranking space."""
        users, items = self._propagated()
        return self.criterion.ranking_space(users), self.criterion.ranking_space(items)

    def train(self, mode: bool = True) -> Self:
        """Switch mode; the attention of the other mode is dropped."""
        self._attention = None
        return super().train(mode)

    def _propagated(self) -> tuple[Tensor, Tensor]:
        """Embeddings of users and items after the aggregation."""
        users, items = self.node_vectors()[: self.num_users + self.num_items].split(
            [self.num_users, self.num_items]
        )
        return users, items

    def node_vectors(self) -> Tensor:
        """All nodes after the aggregation, ``[N, D']``."""
        if self._attend is None or self._graph.edge_index.device != self.device:
            self._graph = self._graph.to(self.device)
            self._attend, self._attention = KnowledgeAttention(self._graph), None
        attention = self._attention
        if attention is None:
            attention = self._attend(self.table.weight, self.translation)
        # Evaluation never keeps it: other weights may be loaded between two rankings.
        self._attention = attention if self.training else None
        nodes: Tensor = self.layers(self.table.weight, attention)
        return nodes


def edge_triples(graph: Graph) -> Triples:
    """``[E, 3]`` each edge as a triple: node that listens, relation, node it listens to."""
    source, target = graph.edge_index
    return torch.stack([target, graph.edge_type, source], dim=1).numpy()


def edge_names(graph: Graph) -> tuple[str, ...]:
    """Names of the relations of :func:`edge_triples`, in which edges stand against their direction."""
    half = graph.num_relations // 2
    return (*graph.relation_names[half:], *graph.relation_names[:half])
