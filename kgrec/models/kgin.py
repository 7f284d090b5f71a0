"""KGIN: users act from intents, and intents are mixtures of the knowledge graph's relations."""

import torch
import torch.nn.functional as F
from torch import Tensor

from kgrec.models.base import Batch, ModelInputs, Recommender
from kgrec.models.diagnostics import Diagnostics
from kgrec.models.graph_view import on_whole_graph
from kgrec.models.settings import check_sizes, check_weights
from kgrec.nn.csr import SparseMatrix
from kgrec.nn.dropout import GraphDropout
from kgrec.nn.fact_layers import FactLayers
from kgrec.nn.glorot import glorot
from kgrec.nn.independence import distance_correlation
from kgrec.nn.losses import RankingLoss, embedding_l2, read_l2
from kgrec.nn.relational import KeptEdges, relational_sum
from kgrec.nn.unit_rows import unit_rows_


class KGIN(Recommender):
    r"""KGIN, Wang et al., WWW 2021, https://arxiv.org/abs/2102.07057 (§3).

    Intent p is an attention over the relations of facts (eq. 1), and a user is the sum of what they have
    interacted with, seen through the intents that they act from (§3.2.1); items and entities are sums of
    their neighbours, seen through the relations that lead to them (§3.2.2):

    .. math::
        e_p = \sum_r \mathrm{softmax}_r(w_{rp})\, e_r, \qquad
        e_u^{(l+1)} = \mathrm{unit}\Big( \sum_{i \in N_u} e_i^{(l)} \odot \sum_p \beta(u, p) (1 + e_p) \Big),
        \qquad \beta(u, \cdot) = \mathrm{softmax}_p(\langle e_u^{(l)}, q_p \rangle)

    .. math::
        e_i^{(l+1)} = \mathrm{unit}\Big( \sum_{(r, j) \in N_i} e_r \odot e_j^{(l)} \Big), \qquad
        e = \sum_{l=0}^{L} e^{(l)}, \qquad s_{ui} = \langle e_u, e_i \rangle

    To the ranking loss are added λ₁ times the distance correlation of the intents (eq. 4) and λ₂ times half
    the squared length of a batch's embeddings, a mean over its pairs. Scores are inner products in the loss's
    ranking space, of any sign unless the loss normalises. A cold item is known by its facts; one without
    facts keeps its own embedding.

    Differences from the paper. As in its code: each layer's rows are scaled to length 1 (``unit``), the plain
    sum of a user's items is added (the 1 beside e_p), β compares the users of each layer with vectors q of
    its own, and each direction of a relation has an embedding of its own. Unlike its code: the distance
    correlation is that of e_p, as in the paper, not of w; 1/|N| of the means is left out, as the scaling
    takes it away; each edge is dropped by itself instead of a fixed share. Any ranking loss may stand for
    the paper's ``loss=bpr``.

    Only what reaches an item within L layers is computed (:class:`~kgrec.nn.fact_layers.FactLayers`).

    Args:
        inputs: training interactions, and the graph.
        embedding_dim: D ≥ 1.
        num_layers: L ≥ 1.
        num_intents: P ≥ 1.
        dropout: of facts, interactions and messages while training.
        independence: λ₁ ≥ 0.
        l2: λ₂ ≥ 0.
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
        num_intents: int,
        dropout: GraphDropout,
        independence: float,
        l2: float,
        loss: RankingLoss,
    ) -> None:
        super().__init__(inputs)
        check_sizes(embedding_dim=embedding_dim, num_layers=num_layers, num_intents=num_intents)
        check_weights(independence=independence, l2=l2)
        self._graph, self.num_layers = self.required_graph(inputs), num_layers
        self._facts = FactLayers(self._graph, num_layers)
        num_relations = self._facts.num_relations
        self.users = glorot(self.num_users, embedding_dim)
        self.nodes = glorot(len(self._facts.node_ids), embedding_dim)
        self.relations = glorot(num_relations, embedding_dim)
        self.intent_logits = glorot(num_intents, num_relations)
        self.intent_queries = glorot(num_intents, embedding_dim)
        self.dropout, self.independence, self.l2 = dropout, independence, l2
        self.criterion = loss
        self.num_negatives = loss.num_negatives

    def loss(self, batch: Batch) -> Tensor:
        """Mean ranking loss of the batch, and both penalties."""
        intents = self._intents()
        users, items = self._propagated(intents)
        rows = F.embedding(batch.users, users)
        ranking = self.criterion(rows, items, batch.items, batch.negatives)
        length = read_l2(rows, items, batch.items, batch.negatives)
        return ranking + self.l2 * length + self.independence * distance_correlation(intents)

    def penalty(self, user_ids: Tensor, item_ids: Tensor, labels: Tensor) -> Tensor:
        """Both penalties, of the embeddings that the pairs read."""
        intents = self._intents()
        users, items = self._propagated(intents)
        length = embedding_l2(F.embedding(user_ids, users), F.embedding(item_ids, items))
        return self.l2 * length + self.independence * distance_correlation(intents)

    def embeddings(self) -> tuple[Tensor, Tensor]:
        """Users ``[U, D]`` and items ``[I, D]`` in the loss's ranking space."""
        users, items = self._propagated(self._intents())
        return self.criterion.ranking_space(users), self.criterion.ranking_space(items)

    def diagnostics(self) -> Diagnostics:
        """Length of each e_r; the interactions have none."""
        facts = self._graph.pruned(~self._graph.is_interaction)
        half = self._graph.num_relations // 2
        lengths = self.relations.norm(dim=1)
        none = lengths.new_zeros(1)  # the two directions of an interaction are the last ids of their halves
        of_graph = torch.cat([lengths[: half - 1], none, lengths[half - 1 :], none])
        return Diagnostics.of({}, of_graph, facts)

    def node_vectors(self) -> Tensor:
        """``[N, D]``: the learned embeddings, as the layers leave out what is far from items.

        NaN for entities out of reach of all items.
        """
        facts = self._facts_here()
        vectors = on_whole_graph(self.nodes, facts.node_ids, self._graph.num_nodes)
        return vectors.index_copy(0, self._graph.user_nodes.to(vectors.device), self.users)

    def _intents(self) -> Tensor:
        """``[P, D]``: e_p."""
        return self.intent_logits.softmax(dim=1) @ self.relations

    def _propagated(self, intents: Tensor) -> tuple[Tensor, Tensor]:
        facts = self._facts_here()
        layers, interactions = self._kept(facts)
        users: Tensor = self.users
        nodes: Tensor = self.nodes
        all_users, all_items = users, torch.zeros_like(nodes[: self.num_items])
        for edges in layers:
            sums, items = relational_sum(nodes, self.relations, edges, self.num_items)
            # Users along the rows: a softmax over a handful of columns would take half as long again.
            focus = (self.intent_queries @ users.T).softmax(dim=0).T @ intents
            from_items = interactions @ items
            users, nodes = self._unit(torch.addcmul(from_items, from_items, focus)), self._unit(sums)
            all_users, all_items = all_users + users, all_items + items
        return all_users, all_items + nodes

    def _kept(self, facts: FactLayers) -> tuple[list[KeptEdges], SparseMatrix]:
        """Facts of each layer and interactions ``[U, I]``, without those dropped in this step."""
        keep = seen = None
        if self.training:
            keep = self.dropout.kept_edges(facts.num_edges, self.device)
            seen = self.dropout.kept_interactions(facts.interactions.num_entries, self.device)
        if seen is None:
            return facts.layers(keep), facts.all_interactions
        return facts.layers(keep), SparseMatrix(facts.interactions, seen.float())

    def _unit(self, messages: Tensor) -> Tensor:
        return unit_rows_(messages, self.dropout.dropped_messages(messages) if self.training else None)

    def _facts_here(self) -> FactLayers:
        """The facts on the model's device."""
        if self._facts.node_ids.device != self.device:
            self._facts = FactLayers(self._graph.to(self.device), self.num_layers)
        return self._facts
