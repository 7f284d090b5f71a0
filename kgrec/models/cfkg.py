"""CFKG: interactions are one more relation of a translation-based knowledge graph embedding."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kgrec.models.base import Batch, ModelInputs, Recommender
from kgrec.models.settings import check_weights
from kgrec.models.triple_sampler import TripleSampler, fact_names, fact_sizes, fact_triples
from kgrec.nn.embedding import embedding_table
from kgrec.nn.losses import RankingLoss, embedding_l2, read_l2
from kgrec.nn.translation import Similarity


class CFKG(Recommender):
    r"""Collaborative filtering over knowledge base embeddings.

    `Learning over Knowledge-Base Embeddings for Recommendation <https://arxiv.org/abs/1803.06540>`_ (Zhang
    et al., 2018, §3) with TransE's distance; `Learning Heterogeneous Knowledge Base Embeddings for
    Explainable Recommendation <https://arxiv.org/abs/1805.03352>`_ (Ai et al., 2018, §3) with inner products.

    Users, items and entities are nodes of one graph, and "interacts" is one of its relations:

    .. math::
        s_{ui} = \mathrm{sim}(e_u + r_{interacts}, e_i), \qquad
        L = L_{rank}(\text{interactions}) + \beta \, L_{rank}(\text{facts})
            + \frac{\lambda}{2} \, \mathrm{mean} (\lVert e_u \rVert^2 + \lVert e_i \rVert^2)

    where a fact (h, r, t) ranks its tail above corrupted ones for the "user" :math:`e_h + r`. ``similarity``
    is :math:`q^T t` or :math:`-\lVert q - t \rVert^2`. Scores are inner products of what it makes of both
    sides, in the loss's ranking space. A cold item is known by its facts.

    Differences from the papers: any ranking loss (``loss=bce`` is Ai et al.'s, ``loss=bpr`` a smooth form
    of Zhang et al.'s margin); interactions and facts are drawn apart and weighted by β, as in RecBole,
    instead of from one bag; no inverse relations. Conclusions of rules may be soft facts
    (:class:`kgrec.models.triple_sampler.TripleSampler`).

    Args:
        inputs: graph and training interactions.
        embedding_dim: D ≥ 1.
        init_std: standard deviation (> 0) of the initial embeddings.
        loss: what is minimised, over interactions and over facts.
        kg_weight: β ≥ 0; 0 = facts are not read.
        l2: λ ≥ 0.
        similarity: of translated heads and tails.
        triples: builds the sampler of facts and of what rules conclude from them.

    Raises:
        InputError: a value outside its range.
        ValueError: no graph.
    """

    needs_graph = True

    def __init__(
        self,
        inputs: ModelInputs,
        embedding_dim: int,
        init_std: float,
        loss: RankingLoss,
        kg_weight: float,
        l2: float,
        similarity: Similarity,
        triples: Callable[..., TripleSampler],
    ) -> None:
        super().__init__(inputs)
        graph = self.required_graph(inputs)
        check_weights(kg_weight=kg_weight, l2=l2)
        self.kg_weight, self.l2 = kg_weight, l2
        num_relations, num_entities = fact_sizes(graph)
        self.user_table = embedding_table(self.num_users, embedding_dim, init_std)
        self.entity_table = embedding_table(num_entities, embedding_dim, init_std)
        self.interacts = nn.Parameter(torch.randn(embedding_dim) * init_std)
        self.triples = triples(
            fact_triples(graph),
            num_entities=num_entities,
            relation_names=fact_names(graph),
            num_negatives=loss.num_negatives,
        )
        self.reads_facts = kg_weight > 0 and len(self.triples) > 0
        if self.reads_facts:  # else they would never have a gradient
            self.relation_table = embedding_table(num_relations, embedding_dim, init_std)
        self.similarity = similarity
        self.criterion = loss
        self.num_negatives = loss.num_negatives

    def loss(self, batch: Batch) -> Tensor:
        """The same ranking loss of interactions and, weighted, of batches of facts, and the penalty."""
        entities = self.entity_table.weight
        targets = self.similarity.targets(entities)
        users = self.user_table(batch.users)
        queries = self.similarity.queries(users + self.interacts)
        total = self.criterion(queries, targets[: self.num_items], batch.items, batch.negatives)
        if self.l2 > 0:
            total = total + self.l2 * read_l2(users, entities[: self.num_items], batch.items, batch.negatives)
        if self.reads_facts:
            for weight, facts in self.triples.batches(batch.step, self.device):
                translated = F.embedding(facts.heads, entities) + self.relation_table(facts.relations)
                queries = self.similarity.queries(translated)
                of_facts = self.criterion(queries, targets, facts.tails, facts.negatives)
                total = total + self.kg_weight * weight * of_facts
        return total

    def penalty(self, user_ids: Tensor, item_ids: Tensor, labels: Tensor) -> Tensor:
        """λ/2 · mean squared length of the vectors of the pairs."""
        return self.l2 * embedding_l2(self.user_table(user_ids), self.entity_table(item_ids))

    def embeddings(self) -> tuple[Tensor, Tensor]:
        """Users ``[U, D']`` and items ``[I, D']`` in the loss's ranking space."""
        users = self.similarity.queries(self.user_table.weight + self.interacts)
        items = self.similarity.targets(self.entity_table.weight[: self.num_items])
        return self.criterion.ranking_space(users), self.criterion.ranking_space(items)
