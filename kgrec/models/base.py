"""What every recommender offers, and what it is given."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kgrec.data.dataset import RecDataset
from kgrec.errors import InputError
from kgrec.kg.attributes import ItemAttributes
from kgrec.kg.graph import Graph
from kgrec.models.diagnostics import Diagnostics
from kgrec.text.encoder import TextFeatures


@dataclass(frozen=True)
class ModelInputs:
    """Everything a recommender may learn from: the data decides sizes, the config the rest.

    Attributes:
        dataset: ids, training interactions, texts, links.
        graph: collaborative knowledge graph, ``None`` unless the model says ``needs_graph``.
        text: text features of the items, ``None`` unless the model says ``needs_text``.
        attributes: numeric attributes of the items, ``None`` unless the dataset has any and the model says
            ``reads_attributes``.
    """

    dataset: RecDataset
    graph: Graph | None = None
    text: TextFeatures | None = None
    attributes: ItemAttributes | None = None


@dataclass(frozen=True)
class Batch:
    """One training step.

    Attributes:
        users, items: ``[B]`` pairs; observed ones where there are no ``labels``.
        negatives: ``[B, n]`` unobserved items for each pair; n = 0 where the loss needs none.
        step: global step, the same on every process: randomness that must agree between processes
            (which items play cold) is drawn from it.
        weight: share of this process's mean loss in the global mean: 1 unless processes hold batches
            of unequal size.
        labels: ``[B]`` floats, 1 = observed, 0 = drawn as unobserved; ``None`` where all are observed.
    """

    users: Tensor
    items: Tensor
    negatives: Tensor
    step: int
    weight: float = 1.0
    labels: Tensor | None = None


class Trainable(nn.Module):
    """What :class:`kgrec.training.trainer.Trainer` asks of a model.

    Subclasses override :meth:`loss` and/or :meth:`fit`: one without trainable parameters is done after that.
    """

    num_negatives: int = 0

    @property
    def has_start(self) -> bool:
        """Whether :meth:`fit` leaves trainable weights that are worth validating before the first epoch."""
        return False

    def fit(self) -> None:
        """Compute what has a closed form from the training data; nothing by default."""

    def before_validation(self) -> None:
        """Bring up to date what hangs on the weights and is not trained; nothing by default.

        Called in evaluation mode, on every process alike.
        """

    def loss(self, batch: Batch) -> Tensor:
        """Mean training loss of a batch, shape ``[]``."""
        raise TypeError(f"{type(self).__name__} has a closed form and no training loss")

    def after_step(self, step: int, steps: int) -> None:
        """Change what is not the optimiser's to change, after each update; nothing by default.

        Called on every process alike. The gradients of the step are still there. What it must remember is put
        into buffers: a training goes on from them.

        Args:
            step: counted from 0 over all epochs.
            steps: of the whole training, where nothing ends it before its last epoch.
        """

    def forward(self, batch: Batch) -> Tensor:
        """The loss, so that wrappers for several processes see the call."""
        return self.loss(batch)

    @property
    def device(self) -> torch.device:
        """Where parameters and buffers lie."""
        tensor: Tensor | None = next(self.parameters(), None)
        if tensor is None:
            tensor = next(self.buffers(), None)
        return tensor.device if tensor is not None else torch.device("cpu")


class Recommender(Trainable):
    """Base class: a recommender gives each user a score for every item.

    Subclasses override :meth:`score` or :meth:`embeddings`, and what :class:`Trainable` offers.
    """

    needs_graph: ClassVar[bool] = False
    needs_text: ClassVar[bool] = False
    reads_attributes: ClassVar[bool] = False
    chosen: Mapping[str, float] = MappingProxyType({})
    """Settings that the model chose by itself, on validation, by name; empty before that."""

    def __init__(self, inputs: ModelInputs) -> None:
        super().__init__()
        self.num_users = inputs.dataset.num_users
        self.num_items = inputs.dataset.num_items
        self._pair: tuple[Tensor, Tensor] | None = None

    def required_graph(self, inputs: ModelInputs) -> Graph:
        """Graph of ``inputs``, for a model that needs it.

        Raises:
            ValueError: it is missing.
        """
        if inputs.graph is None:
            raise ValueError(f"{type(self).__name__} needs a graph, got None")
        return inputs.graph

    def required_inputs(self, inputs: ModelInputs) -> tuple[Graph, TextFeatures]:
        """Graph and text of ``inputs``, for a model that needs both.

        Raises:
            ValueError: one of them is missing.
        """
        if inputs.graph is None or inputs.text is None:
            raise ValueError(f"{type(self).__name__} needs a graph and text features, got None")
        return inputs.graph, inputs.text

    def embeddings(self) -> tuple[Tensor, Tensor] | None:
        """``(users [U, D], items [I, D])`` whose inner products are the scores, where they exist."""
        return None

    def node_vectors(self) -> Tensor | None:
        """``[N, D]`` what is learned of each node of the graph that the model was given, where there is such.

        NaN where a node has no vector, because the model leaves it out or has its vectors elsewhere. A model
        with an ``entity_table`` of items and other entities has theirs, and none of users.
        """
        table = getattr(self, "entity_table", None)
        if not isinstance(table, nn.Embedding):
            return None
        users = torch.full((self.num_users, table.embedding_dim), torch.nan, device=table.weight.device)
        return torch.cat([users, table.weight])

    def score(self, user_ids: Tensor) -> Tensor:
        """Scores ``[B, I]`` of all items for ``user_ids [B]``; higher is better, any range.

        In evaluation mode and without gradients the embeddings are computed once and kept until the model
        is trained, moved or given other weights: ranking asks for block after block of users.
        """
        keep = not self.training and not torch.is_grad_enabled()
        pair = self._pair if keep and self._pair is not None else self.embeddings()
        if pair is None:
            raise TypeError(f"{type(self).__name__} must override score() or embeddings()")
        self._pair = pair if keep else None
        users, items = pair
        return users[user_ids] @ items.T

    def score_pairs(self, user_ids: Tensor, item_ids: Tensor) -> Tensor:
        """Scores ``[B]`` of the pairs (``user_ids[k]``, ``item_ids[k]``), as :meth:`score` gives them.

        With gradients where they are on. A model whose item vectors depend on the user overrides this, and
        may build :meth:`score` on it.
        """
        pair = self.embeddings()
        if pair is None:
            return self.score(user_ids).gather(1, item_ids.unsqueeze(1)).squeeze(1)
        users, items = pair
        return (F.embedding(user_ids, users) * F.embedding(item_ids, items)).sum(dim=1)

    def penalty(self, user_ids: Tensor, item_ids: Tensor, labels: Tensor) -> Tensor:
        """What the model adds to the mean loss of labelled pairs, shape ``[]``, its weights included; ≥ 0.

        Zero by default. A model that regularises what a batch reads overrides it and adds it in
        :meth:`loss`, so that other criteria over :meth:`score_pairs` have the same regulariser.

        Args:
            user_ids: ``[B]`` user of each pair.
            item_ids: ``[B]`` item of each pair.
            labels: ``[B]`` floats, 1 = observed, 0 = taken as unobserved.
        """
        return torch.zeros((), device=self.device)

    def diagnostics(self) -> Diagnostics:
        """How the trained model uses graph and text, for plots; nothing by default."""
        return Diagnostics()

    def new_item_parameters(self) -> int:
        """Parameters that must be held to score an item never seen, the language model left out.

        0 for a model that cannot.
        """
        return 0

    def embed_new_item(self, text: Tensor, facts: Tensor) -> Tensor:
        """Embedding ``[D]`` of an item in no dataset, comparable with the users of :meth:`embeddings`.

        Args:
            text: ``[D_text]`` text features, zeros where there is no text.
            facts: ``[F, 2]`` relation id of an edge into the item, and the node it comes from, both as in
                the graph that the model was given.

        Raises:
            InputError: the model knows items by their id only.
        """
        raise InputError(
            f"model {type(self).__name__} cannot score an item it was not trained with; valid: hybrid"
        )

    def train(self, mode: bool = True) -> Self:
        """Switch mode; embeddings kept for evaluation are dropped."""
        self._pair = None
        return super().train(mode)

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> Any:
        """Take other weights; embeddings kept for evaluation are dropped."""
        self._pair = None
        return super().load_state_dict(state_dict, strict, assign)

    def _apply(self, fn: Any, recurse: bool = True) -> Self:
        self._pair = None
        return super()._apply(fn, recurse)
