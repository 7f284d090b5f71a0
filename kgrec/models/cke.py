"""CKE: matrix factorisation whose items share their vectors with a knowledge graph embedding."""

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor

from kgrec.models.base import Batch, ModelInputs, Recommender
from kgrec.models.settings import check_weights
from kgrec.models.triple_sampler import TripleBatch, TripleSampler, fact_names, fact_sizes, fact_triples
from kgrec.nn.embedding import embedding_table
from kgrec.nn.losses import RankingLoss, embedding_l2, read_l2
from kgrec.nn.translation import TransR


class CKE(Recommender):
    r"""Collaborative knowledge base embedding, Zhang et al., KDD 2016, §4.1 and §5 (structural part).

    https://www.kdd.org/kdd2016/subtopic/view/collaborative-knowledge-base-embedding-for-recommender-systems

    .. math::
        s_{ui} = p_u^T (q_i + v_i), \qquad
        L = L_{rank} + \beta \, \mathrm{mean} \, {-\ln \sigma}(d(h, r, t') - d(h, r, t))
            + \frac{\lambda}{2} \, \mathrm{mean} (\lVert p_u \rVert^2 + \lVert q_i + v_i \rVert^2)

    with :math:`v` the entities' vectors, :math:`v_i` that of item i, and :math:`d` the distance of TransR
    (:class:`kgrec.nn.translation.TransR`); t' is a corrupted tail. Scores are inner products in the loss's
    ranking space: cosines where the loss normalises, else of any sign. A cold item is known by its facts,
    beside its initial :math:`q_i`.

    Differences from the paper: its textual and visual parts are left out, as in RecBole; any ranking loss
    (``loss=bpr`` is the paper's); sampled triples are weighted by β instead of drawn beside each pair; the
    penalty touches the vectors that a batch reads. Conclusions of rules may be soft facts
    (:class:`kgrec.models.triple_sampler.TripleSampler`).

    Args:
        inputs: graph and training interactions.
        embedding_dim: D ≥ 1.
        init_std: standard deviation (> 0) of the initial embeddings.
        loss: what is minimised over interactions.
        kg_weight: β ≥ 0; 0 = facts are not read, which leaves matrix factorisation.
        l2: λ ≥ 0.
        translation: builds TransR from numbers of relations and D.
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
        translation: Callable[..., TransR],
        triples: Callable[..., TripleSampler],
    ) -> None:
        super().__init__(inputs)
        graph = self.required_graph(inputs)
        check_weights(kg_weight=kg_weight, l2=l2)
        self.kg_weight, self.l2 = kg_weight, l2
        num_relations, num_entities = fact_sizes(graph)
        self.user_table = embedding_table(self.num_users, embedding_dim, init_std)
        self.item_table = embedding_table(self.num_items, embedding_dim, init_std)
        self.entity_table = embedding_table(num_entities, embedding_dim, init_std)
        self.triples = triples(
            fact_triples(graph),
            num_entities=num_entities,
            relation_names=fact_names(graph),
            num_negatives=1,
        )
        self.reads_facts = kg_weight > 0 and len(self.triples) > 0
        if self.reads_facts:  # else its parameters would never have a gradient
            self.translation = translation(num_relations, embedding_dim)
        self.criterion = loss
        self.num_negatives = loss.num_negatives

    def loss(self, batch: Batch) -> Tensor:
        """Ranking loss, weighted losses of the step's batches of triples, and penalty."""
        users, items = self.user_table(batch.users), self._items()
        total = self.criterion(users, items, batch.items, batch.negatives)
        if self.l2 > 0:
            total = total + self.l2 * read_l2(users, items, batch.items, batch.negatives)
        if self.reads_facts:
            for weight, triples in self.triples.batches(batch.step, self.device):
                total = total + self.kg_weight * weight * self._triple_loss(triples)
        return total

    def penalty(self, user_ids: Tensor, item_ids: Tensor, labels: Tensor) -> Tensor:
        """λ/2 · mean squared length of the vectors of the pairs."""
        return self.l2 * embedding_l2(self.user_table(user_ids), F.embedding(item_ids, self._items()))

    def embeddings(self) -> tuple[Tensor, Tensor]:
        """Users ``[U, D]`` and items ``[I, D]`` in the loss's ranking space."""
        to_ranking_space = self.criterion.ranking_space
        return to_ranking_space(self.user_table.weight), to_ranking_space(self._items())

    def _items(self) -> Tensor:
        return self.item_table.weight + self.entity_table.weight[: self.num_items]

    def _triple_loss(self, batch: TripleBatch) -> Tensor:
        entities = self.entity_table(batch.entities())
        distances = self.translation(entities, batch.relations, batch.relation_counts)
        return F.softplus(distances[:, 0] - distances[:, 1]).mean()
