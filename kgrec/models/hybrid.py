"""Graph × text: items from structured and text features, joined by a fusion; users by an embedding."""

from collections.abc import Callable
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kgrec.errors import InputError
from kgrec.kg.graph import kept_nodes
from kgrec.kg.neighbourhood import neighbourhood, with_new_item
from kgrec.models.attribute_features import AttributeFeatures
from kgrec.models.base import Batch, ModelInputs, Recommender
from kgrec.models.diagnostics import Diagnostics
from kgrec.models.graph_view import GraphView, log_fact_counts, on_whole_graph
from kgrec.models.hiding import Hiding
from kgrec.models.item_context import ItemContext
from kgrec.models.regression_start import RegressionStart
from kgrec.nn.fusion.base import Fusion, LeaningFusion, TokenFusion
from kgrec.nn.gnn.base import GNN
from kgrec.nn.losses import RankingLoss
from kgrec.nn.standardize import Standardize

INIT_STD = 0.1


class Hybrid(Recommender):
    r"""A GNN's structured features ⊕ a language model's text features → item embeddings.

    .. math::
        s(u, i) = (e_u + e_0) \cdot \mathrm{fusion}(\mathrm{gnn}(x, G)_i, \mathrm{text}_i)

    An item has no embedding of its own, so one that nobody has touched is scored like any other: its
    node begins with the number of its facts and, where there are any, its numeric attributes
    (:class:`~kgrec.kg.attributes.ItemAttributes`). The shared vector e_0 is what all users like: a
    popularity predicted from the features.

    Training begins at a regression onto collaborative factors
    (:class:`~kgrec.models.regression_start.RegressionStart`) and is made to look like the use on cold items:
    in each step a random share of the items plays cold. Their interactions leave the graph, and the loss
    ranks them among themselves (cf. `DropoutNet
    <https://papers.nips.cc/paper/2017/hash/dbd22ba3bd0df8f385bdac3e9f8be207-Abstract.html>`_, Volkovs et
    al., NeurIPS 2017, §3.3, which hides the preference input of whole items for the same reason).

    A fusion may have a loss of its own (:meth:`~kgrec.nn.fusion.base.Fusion.auxiliary_loss`), which the
    gradient steps minimise beside the ranking loss, or look into an item's tokens and neighbours
    (:class:`~kgrec.models.item_context.ItemContext`).

    Args:
        inputs: dataset, graph, text, and numeric attributes where there are any.
        embedding_dim: D, width of users, entities and items.
        gnn: builds the graph network from ``(in_dim, num_relations)``.
        fusion: builds the fusion from ``(structured_dim, text_dim, out_dim)``.
        loss: the ranking loss; its ``ranking_space`` is that of the scores.
        start: where training begins; ``None`` = at random.
        hiding: what a training step hides.
        graph_view: which edges the graph network sees.

    Raises:
        InputError: a start together with messages along interactions; a fusion with a loss of its own, or
            with attention, where these would train nothing.
    """

    needs_graph: ClassVar[bool] = True
    needs_text: ClassVar[bool] = True
    reads_attributes: ClassVar[bool] = True
    text: Tensor
    has_text: Tensor
    has_kg: Tensor
    has_facts: Tensor
    fact_counts: Tensor
    warm_items: Tensor

    def __init__(
        self,
        inputs: ModelInputs,
        *,
        embedding_dim: int,
        gnn: Callable[..., GNN],
        fusion: Callable[..., Fusion],
        loss: RankingLoss,
        start: RegressionStart | None,
        hiding: Hiding,
        graph_view: GraphView,
    ) -> None:
        super().__init__(inputs)
        if start is not None and graph_view.interactions:
            raise InputError(
                "model.graph_view.interactions: found true beside a model.start, whose items would hang on "
                "users that have no place yet; set model.start=null or leave interactions out"
            )
        graph, text = self.required_inputs(inputs)
        self.dataset = inputs.dataset
        self.start = start
        self.ranking_loss = loss
        self.num_negatives = loss.num_negatives
        self.hiding = hiding
        self.stream = torch.initial_seed()
        self.num_nodes = graph.num_nodes
        visible = graph_view.visible(graph)
        self.graph, self.kept_nodes = graph.pruned(visible), kept_nodes(graph, visible)
        self.users_are_read = graph_view.interactions
        self.register_buffer("text", text.embeddings, persistent=False)
        self.register_buffer("has_text", text.has_text, persistent=False)
        warm_items = torch.from_numpy(inputs.dataset.warm_items)
        # An item has structured features where a message reaches it, be it along a fact or an interaction.
        attributes = inputs.attributes if inputs.attributes is not None and inputs.attributes.names else None
        has_facts = graph.has_kg if attributes is None else graph.has_kg | attributes.has_any
        has_kg = has_facts | warm_items if graph_view.interactions else has_facts
        self.register_buffer("has_kg", has_kg, persistent=False)
        self.register_buffer("has_facts", has_facts, persistent=False)
        self.register_buffer("fact_counts", log_fact_counts(graph), persistent=False)
        self.register_buffer("warm_items", warm_items, persistent=False)
        self.text_scaler = Standardize(text.embeddings[text.has_text])
        self.count_scaler = Standardize(self.fact_counts[graph.has_kg])

        self.user_embedding = nn.Parameter(torch.empty(self.num_users, embedding_dim))
        self.shared_user = nn.Parameter(torch.zeros(embedding_dim))
        self.entity_embedding = nn.Parameter(torch.empty(len(self.graph.entity_nodes), embedding_dim))
        self.from_count = nn.Linear(1, embedding_dim)
        self.attributes = None if attributes is None else AttributeFeatures(attributes, embedding_dim)
        self.gnn = gnn(embedding_dim, graph.num_relations)
        self.from_text = nn.Linear(text.embeddings.shape[1], embedding_dim)
        self.fusion = fusion(structured_dim=self.gnn.out_dim, text_dim=embedding_dim, out_dim=embedding_dim)
        self._check_fusion_is_trained()
        self.context: ItemContext | None = None
        if isinstance(self.fusion, TokenFusion):
            self.context = ItemContext(self.graph, text, self.fusion.max_neighbours, self.fusion.max_tokens)
        self._reset_parameters()

    def _check_fusion_is_trained(self) -> None:
        """Refuse a fusion whose own loss, or whose attention, would never be trained."""
        held_scope = self.start.scope if self.start is not None and self.start.hold_items else None
        remedy = "set model.start.hold_items=false, model.start=null or fusion=gate"
        if isinstance(self.fusion, TokenFusion) and held_scope == "linear":
            raise InputError(
                f"fusion: found {type(self.fusion).__name__} beside model.start.scope=linear and "
                f"model.start.hold_items=true, which leave its attention even; {remedy}"
            )
        if self.fusion.auxiliary_weight == 0:
            return
        found = f"fusion.weight: found {self.fusion.auxiliary_weight:g}"
        if held_scope is not None:
            raise InputError(
                f"{found} beside model.start.hold_items=true, which leaves it no weight to train; {remedy}"
            )
        if not (self.has_text & self.has_kg & self.warm_items).any():
            raise InputError(
                f"{found}, but no item of the training pairs has both a text and a fact; set fusion.weight=0 "
                "or fusion=gate"
            )

    def _reset_parameters(self) -> None:
        """Random embeddings; with a start all begins at zero, where the regression's penalty holds it."""
        std = INIT_STD if self.start is None else 0.0
        for weight in (
            self.user_embedding,
            self.entity_embedding,
            self.from_count.weight,
            self.from_text.weight,
            *self._attribute_parameters(),
        ):
            nn.init.normal_(weight, std=std)
        for linear in (self.from_count, self.from_text):
            nn.init.zeros_(linear.bias)

    def _attribute_parameters(self) -> list[nn.Parameter]:
        return [] if self.attributes is None else [*self.attributes.parameters()]

    @property
    def has_start(self) -> bool:
        """Whether the regression is switched on."""
        return self.start is not None

    def fit(self) -> None:
        """Begin at the regression onto collaborative factors, where a ``start`` is given."""
        if self.start is None:
            return
        self.eval()
        self._check_graph_is_regressed()
        regressed = [self.entity_embedding, *self.from_count.parameters(), *self.from_text.parameters()]
        regressed += self._attribute_parameters()
        network = [*self.gnn.parameters(), *self.fusion.parameters()]
        if self.start.scope == "all":
            regressed += network
        has_both = bool((self.has_text & self.has_kg).any())
        lean = self.fusion.lean if isinstance(self.fusion, LeaningFusion) and has_both else None
        for weight in network:  # what is not regressed needs no gradient, which would cost more than the rest
            weight.requires_grad_(self.start.scope == "all")
        self.chosen = self.start(self.dataset, self.user_embedding, regressed, self.item_embeddings, lean)
        for weight in network:
            weight.requires_grad_(True)
        if self.start.hold_items:
            self.requires_grad_(False)
            self.user_embedding.requires_grad_(True)
            self.shared_user.requires_grad_(True)

    def _check_graph_is_regressed(self) -> None:
        """Refuse a network that is flat at zero, where the start begins: the graph would teach it nothing."""
        if len(self.entity_embedding) == 0:
            return
        out = self.gnn.at(self._node_features(), self.graph, self.graph.item_nodes)
        if not out.requires_grad:
            return
        (slope,) = torch.autograd.grad(out.sum(), self.entity_embedding, allow_unused=True)
        if slope is not None and not slope.any():
            raise InputError(
                "gnn: found an activation between layers that is flat at zero, where model.start begins, so "
                "nothing would be learned of the graph; set gnn.num_layers=1, "
                "gnn.activation._target_=torch.nn.Identity or model.start=null"
            )

    def loss(self, batch: Batch) -> Tensor:
        """Mean ranking loss over the pairs whose item competes in this step, and the fusion's own, ``[]``."""
        competing = self.hiding.competing(self.warm_items, self.stream, batch.step)
        chosen = competing[batch.items]
        sides = self._fusion_inputs(cold=competing & (self.hiding.items > 0))
        items = self.fusion(*sides)
        auxiliary = self._weighted_auxiliary_loss(*sides[:4])
        if not chosen.any():
            # Every process takes part in the backward pass, held items or not.
            return (items.sum() + self.shared_user.sum()) * 0.0 + auxiliary
        user_ids, rows = torch.unique(batch.users[chosen], return_inverse=True)
        mean = self.ranking_loss(
            self.user_embedding[user_ids] + self.shared_user,
            items,
            batch.items[chosen],
            batch.negatives[chosen],
            candidate_mask=competing,
            rows=rows,
        )
        # Divided by the expected, not the found number of such pairs, so that the mean over processes
        # is that over the global batch.
        expected = len(chosen) * (self.hiding.items or 1.0)
        return mean * (chosen.sum() / expected) + auxiliary

    def _weighted_auxiliary_loss(
        self, structured: Tensor, text: Tensor, has_text: Tensor, has_kg: Tensor
    ) -> Tensor:
        """The fusion's own loss with its weight, ``[]``; of warm items, as cold ones must decide nothing."""
        if self.fusion.auxiliary_weight == 0:
            return self.shared_user.new_zeros(())
        loss = self.fusion.auxiliary_loss(structured, text, has_text & self.warm_items, has_kg)
        return self.fusion.auxiliary_weight * loss

    def embeddings(self) -> tuple[Tensor, Tensor]:
        """Users ``[U, D]`` and items ``[I, D]``, all items from their features alone."""
        users = self.user_embedding + self.shared_user
        return self.ranking_loss.ranking_space(users), self.ranking_loss.ranking_space(self.item_embeddings())

    def item_embeddings(self, cold: Tensor | None = None) -> Tensor:
        """Item embeddings ``[I, D]``; in training, with what :attr:`hiding` says hidden.

        Args:
            cold: ``[I]`` items whose interactions leave the graph; ``None`` = all stay.
        """
        items: Tensor = self.fusion(*self._fusion_inputs(cold))
        return items

    def _fusion_inputs(self, cold: Tensor | None) -> tuple[Any, ...]:
        """Structured and text features of all items, their masks and, for a token fusion, the context."""
        if self.graph.edge_index.device != self.device:
            self.graph = self.graph.to(self.device)
        text = self.from_text(F.dropout(self.text_scaler(self.text), self.hiding.text, self.training))
        # Where interactions alone reach an item, nothing does while it plays cold.
        has_kg = self.has_kg if cold is None else self.has_facts | (self.has_kg & ~cold)
        if self.training and self.hiding.graphs > 0:
            has_kg = has_kg & (torch.rand(self.num_items, device=self.device) >= self.hiding.graphs)
        graph = self.hiding.thinned(self.graph, cold) if cold is not None else self.graph
        nodes = self._node_features()
        sides = (self.gnn.at(nodes, graph, graph.item_nodes), text, self.has_text, has_kg)
        if self.context is None:
            return sides
        tokens = self.from_text(
            F.dropout(self.text_scaler(self.context.tokens), self.hiding.text, self.training)
        )
        return (*sides, self.context.of_items(tokens, nodes, graph))

    def diagnostics(self) -> Diagnostics:
        """How much of each item is its graph, and what its network makes of the relations."""
        share = self.fusion.structured_share(*self._fusion_inputs(None))
        return Diagnostics.of({"graph_share": share}, self.gnn.relation_weights(), self.graph)

    def node_vectors(self) -> Tensor:
        """What the graph network makes of each node, ``[N, D]``: the structured side, before the fusion."""
        graph = self.graph.to(self.device)
        nodes = self.gnn(self._node_features(), graph)
        return on_whole_graph(nodes, self.kept_nodes, self.num_nodes)

    def new_item_parameters(self) -> int:
        """All but the users, and without a graph no entity, relation or graph network either."""
        users = self.user_embedding.numel() + self.shared_user.numel()
        graph_side = (self.entity_embedding, *self.from_count.parameters(), *self.gnn.parameters())
        unused = self.fusion.training_only() + ([] if self.has_facts.any() else [*graph_side])
        everything = sum(weight.numel() for weight in self.parameters())
        return everything - users - sum(weight.numel() for weight in unused)

    def embed_new_item(self, text: Tensor, facts: Tensor) -> Tensor:
        """Append the item to the graph as a node of its own, and take what the network makes of it.

        Facts about entities that the graph network does not see are counted, but carry no message. A fusion
        that reads tokens is given the text as a single one. Its numeric attributes are taken as unknown.
        """
        extended = with_new_item(self.graph, self.kept_nodes, facts)
        count = self.from_count(self.count_scaler(torch.tensor([[float(len(facts))]]).log1p()))
        if self.attributes is not None:
            count = count + self.attributes.of_unknown()
        nodes = torch.cat([self._node_features(), count])
        if self.gnn.reach is not None:  # what is out of reach need not be computed
            near = neighbourhood(extended, self.graph.num_nodes, self.gnn.reach)
            extended, nodes = near.graph, near.features(nodes)
        mapped = self.from_text(self.text_scaler(text[None]))
        sides: tuple[Any, ...] = (
            self.gnn.at(nodes, extended, extended.item_nodes[-1:]),
            mapped,
            text.any()[None],
            torch.tensor([bool(len(facts))]),
        )
        if self.context is not None:
            sides = (*sides, self.context.of_new_item(mapped, nodes, extended))
        item = self.fusion(*sides)
        return self.ranking_loss.ranking_space(item)[0]

    def _node_features(self) -> Tensor:
        """``[N, D]``: users and entities by their embedding, items by the number of facts and attributes."""
        items = self.from_count(self.count_scaler(self.fact_counts))
        if self.attributes is not None:
            items = items + self.attributes()
        # Users that no edge leaves are read by nobody: zeros would be sent back through the whole network.
        users = self.user_embedding if self.users_are_read else self.user_embedding.detach()
        return torch.cat([users, items, self.entity_embedding])
