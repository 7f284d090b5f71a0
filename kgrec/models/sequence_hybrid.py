"""Ids, graph and text together for sequences: the hybrid that tells the next item."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kgrec.errors import InputError
from kgrec.kg.graph import Graph
from kgrec.models.base import Batch, ModelInputs, Recommender
from kgrec.models.diagnostics import Diagnostics
from kgrec.models.features import unit_text
from kgrec.models.graph_view import GraphView
from kgrec.models.history import BLOCK_SIZE, ExpectedHit, padded_histories
from kgrec.models.selection import check_values
from kgrec.models.transition import SolvedTransitions, TransitionCounts
from kgrec.nn.embedding import embedding_table
from kgrec.nn.fusion.base import Fusion, require_plain
from kgrec.nn.gnn.base import GNN
from kgrec.nn.history_encoder import HistoryEncoder
from kgrec.nn.losses import RankingLoss


@dataclass(frozen=True)
class TransitionBlend:
    """Transitions whose scores are added to the network's.

    Attributes:
        counts: the transitions.
        weight: shares in [0, 1] to choose from before each validation, by the expected hit there: the
            transitions' log-odds weigh that much, the network's the rest.

    Raises:
        InputError: no weight, or one outside its range.
    """

    counts: TransitionCounts
    weight: Sequence[float]

    def __post_init__(self) -> None:
        check_values("blend.weight", self.weight, lowest=0, or_equal=True)
        if max(self.weight) > 1:
            raise InputError(f"model.blend.weight: found {list(self.weight)}, expected shares in [0, 1]")


class SequenceHybrid(Recommender):
    r"""A graph network over items and facts, begun at ids ⊕ text; an encoder of the history; transitions.

    .. math::
        x_i = \mathrm{fusion}(e_i, W t_i), \quad z = \mathrm{unit}(\mathrm{gnn}([x ; e_{entity}], G)), \\
        u_s = \mathrm{encoder}(z_{h_1} … z_{h_L}), \quad v_j = o_j + V z_j, \quad
        n_{sj} = \rho(u_s) \cdot \rho(v_j) + b_j

    with ρ the loss's ranking space and G the facts alone: sequences are no nodes, as they are known by their
    history. Items have an :math:`o_j` of their own as targets, because what follows a film is not what it
    follows. Ranked by :math:`(1 - w) \log \mathrm{softmax}(n_s)_j + w \log \mathrm{softmax}(c_s)_j`, c the
    scores of :class:`~kgrec.models.transition.TransitionCounts`. The network is trained on its own scores:
    the counts hold the very targets it would be trained on, and would leave it nothing to learn.

    Args:
        inputs: dataset with sequences, graph and text.
        embedding_dim: D, width of items and entities.
        init_std: standard deviation (> 0) of their initial embeddings, and of the embedded text's.
        gnn: builds the graph network from ``(in_dim, num_relations)``.
        fusion: builds the fusion from ``(structured_dim, text_dim, out_dim)``.
        loss: the ranking loss.
        encoder: builds the encoder from ``(dim, length)``.
        min_facts: ≥ 1; entities with fewer facts are left out, they say nothing about other items.
        blend: the transitions beside it; ``None`` = the network alone.
    """

    needs_graph: ClassVar[bool] = True
    needs_text: ClassVar[bool] = True
    histories: Tensor
    text: Tensor
    has_text: Tensor
    blend_weight: Tensor

    def __init__(
        self,
        inputs: ModelInputs,
        *,
        embedding_dim: int,
        init_std: float,
        gnn: Callable[..., GNN],
        fusion: Callable[..., Fusion],
        loss: RankingLoss,
        encoder: Callable[..., HistoryEncoder],
        min_facts: int,
        blend: TransitionBlend | None,
    ) -> None:
        super().__init__(inputs)
        graph, text = self.required_inputs(inputs)
        self.criterion, self.num_negatives = loss, loss.num_negatives
        self.blend = blend
        self._dataset = inputs.dataset
        self._solved: SolvedTransitions | None = None
        self.graph = facts_of_items(graph, min_facts)
        histories = padded_histories(inputs.dataset)
        unit = torch.from_numpy(unit_text(text, center=True)).float()
        self.register_buffer("histories", histories, persistent=False)
        self.register_buffer("text", unit, persistent=False)
        self.register_buffer("has_text", text.has_text, persistent=False)
        self.register_buffer("blend_weight", torch.zeros(()))

        self.table = embedding_table(self.graph.num_nodes, embedding_dim, init_std)
        self.from_text = nn.Linear(unit.shape[1], embedding_dim, bias=False)
        nn.init.normal_(self.from_text.weight, std=init_std)
        built = fusion(structured_dim=embedding_dim, text_dim=embedding_dim, out_dim=embedding_dim)
        self.fusion = require_plain(built, "sequence_hybrid")
        self.gnn = gnn(embedding_dim, self.graph.num_relations)
        self.encoder = encoder(self.gnn.out_dim, histories.shape[1])
        self.targets = embedding_table(self.num_items, self.gnn.out_dim, init_std)
        self.to_target = nn.Linear(self.gnn.out_dim, self.gnn.out_dim, bias=False)
        counts = np.bincount(inputs.dataset.train[:, 1], minlength=self.num_items)
        # Cosines leave no room for a bias.
        self.bias = None if loss.normalize else nn.Parameter(torch.from_numpy(counts + 0.5).float().log())

    def loss(self, batch: Batch) -> Tensor:
        """Mean ranking loss of the batch, by the network's scores."""
        items, targets = self._propagated()
        encoded = self._encoded(self.histories[batch.users], items)
        return self.criterion(encoded, targets, batch.items, batch.negatives)

    def score(self, user_ids: Tensor) -> Tensor:
        """Scores ``[B, I]``: the network's, or log-probabilities where transitions have a share."""
        histories = self.histories[user_ids]
        network = self._network_scores(histories)
        if self.blend is None or self.blend_weight == 0:
            return network
        counted = self._transitions(self.blend).score(histories).log_softmax(1)
        return torch.lerp(network.log_softmax(1), counted, self.blend_weight)

    @torch.no_grad()
    def before_validation(self) -> None:
        """Choose the share of the transitions for the network as it is now."""
        if self.blend is None:
            return
        solved = self._transitions(self.blend)
        hit = ExpectedHit(self._dataset, self.blend.counts.others)
        found = torch.zeros(len(self.blend.weight))
        for index, histories in enumerate(hit.histories.split(BLOCK_SIZE)):
            block = histories.to(self.device)
            network = self._network_scores(block).log_softmax(1)
            counted = solved.score(block).log_softmax(1)
            for column, weight in enumerate(self.blend.weight):
                scores = torch.lerp(network, counted, weight)
                found[column] += hit.of_scores(scores, index * BLOCK_SIZE).sum()
        self.blend_weight.fill_(self.blend.weight[int(found.argmax())])
        self.chosen = {**solved.setting, "blend_weight": float(self.blend_weight)}

    def _network_scores(self, histories: Tensor) -> Tensor:
        """Scores ``[B, I]`` of padded histories ``[B, L]``; items are embedded once for many blocks."""
        keep = not self.training and not torch.is_grad_enabled()
        pair = self._pair if keep and self._pair is not None else self._propagated()
        self._pair = pair if keep else None
        items, targets = pair
        space = self.criterion.ranking_space
        return space(self._encoded(histories, items)) @ space(targets).T

    def _propagated(self) -> tuple[Tensor, Tensor]:
        """``[I + 1, D]`` items as histories hold them, zeros last; ``[I, D']`` items as targets."""
        if self.graph.edge_index.device != self.device:
            self.graph = self.graph.to(self.device)
        ids, entities = self.table.weight.split([self.num_items, self.graph.num_nodes - self.num_items])
        items = self.fusion(ids, self.from_text(self.text), self.has_text, torch.ones_like(self.has_text))
        nodes = self.gnn(torch.cat([items, entities]), self.graph)
        # Of one length, so that no loss can drive scores up by four factors at a time.
        items = F.normalize(nodes[: self.num_items], dim=1)
        targets = self.targets.weight + self.to_target(items)
        if self.bias is not None:
            targets = torch.cat([targets, self.bias.unsqueeze(1)], dim=1)
        return F.pad(items, (0, 0, 0, 1)), targets

    def diagnostics(self) -> Diagnostics:
        """How much of each item is its id and how little its text, and the network's relations."""
        ids, all_items = self.table.weight[: self.num_items], torch.ones_like(self.has_text)
        share = self.fusion.structured_share(ids, self.from_text(self.text), self.has_text, all_items)
        return Diagnostics.of({"id_share": share}, self.gnn.relation_weights(), self.graph)

    def _encoded(self, histories: Tensor, items: Tensor) -> Tensor:
        """``[B, D']``; a last column of ones takes up the bias."""
        encoded: Tensor = self.encoder(F.embedding(histories, items), histories < self.num_items)
        return encoded if self.bias is None else F.pad(encoded, (0, 1), value=1.0)

    def _transitions(self, blend: TransitionBlend) -> SolvedTransitions:
        """Counted when first asked for: they follow from the data, so they are not stored."""
        if self._solved is None:
            self._solved = blend.counts.solve(self._dataset)
        if self._solved.prior.device != self.device:
            self._solved = self._solved.to(self.device)
        return self._solved


def facts_of_items(graph: Graph, min_facts: int) -> Graph:
    """The facts alone, over items and entities: users have no node.

    Raises:
        InputError: ``min_facts`` < 1.
    """
    if min_facts < 1:
        raise InputError(f"model.min_facts: found {min_facts}, expected at least 1")
    facts = graph.pruned(GraphView(interactions=False, min_facts=min_facts).visible(graph))
    num_users = len(graph.user_nodes)  # their nodes come first
    return replace(
        facts,
        edge_index=facts.edge_index - num_users,
        num_nodes=facts.num_nodes - num_users,
        user_nodes=facts.user_nodes[:0],
        item_nodes=facts.item_nodes - num_users,
    )
