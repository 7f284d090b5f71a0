"""A recommender whose scores are log-odds."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from kgrec.models.base import Recommender
from kgrec.models.diagnostics import Diagnostics


class Logits(Recommender):
    r"""Any recommender with its scores s as log-odds: :math:`z_{ui} = a \cdot s_{ui} + b`, a > 0.

    A model's scores may be cosines, counts or similarities; what makes log-odds of them belongs to the task,
    not to the model. The order of the items is that of the model.

    Args:
        model: gives the scores; its weights are trained in place.
        initial_scale: a before training, > 0; b is 0.
        learned: whether a and b are trained.
    """

    def __init__(self, model: Recommender, initial_scale: float, learned: bool) -> None:
        nn.Module.__init__(self)  # the sizes are those of the model, not read off its inputs again
        self.num_users, self.num_items = model.num_users, model.num_items
        self._pair = None
        self.model = model
        self.log_scale = nn.Parameter(torch.tensor(initial_scale).log(), requires_grad=learned)
        self.bias = nn.Parameter(torch.zeros(()), requires_grad=learned)

    @property
    def has_start(self) -> bool:
        """As the model says."""
        return self.model.has_start

    def fit(self) -> None:
        """Compute what has a closed form."""
        self.model.fit()

    def score(self, user_ids: Tensor) -> Tensor:
        """Log-odds ``[B, I]``."""
        return self.log_scale.exp() * self.model.score(user_ids) + self.bias

    def score_pairs(self, user_ids: Tensor, item_ids: Tensor) -> Tensor:
        """Log-odds ``[B]``."""
        return self.log_scale.exp() * self.model.score_pairs(user_ids, item_ids) + self.bias

    def embeddings(self) -> tuple[Tensor, Tensor] | None:
        """The model's, the users times a; one more column, b and 1, adds the bias to the inner products."""
        pair = self.model.embeddings()
        if pair is None:
            return None
        users, items = pair
        bias = self.bias.expand(len(users), 1)
        return (
            torch.cat([self.log_scale.exp() * users, bias], dim=1),
            torch.cat([items, items.new_ones(len(items), 1)], dim=1),
        )

    def diagnostics(self) -> Diagnostics:
        """The model's."""
        return self.model.diagnostics()

    def new_item_parameters(self) -> int:
        """As the model says."""
        return self.model.new_item_parameters()

    def embed_new_item(self, text: Tensor, facts: Tensor) -> Tensor:
        """The model's, and the column of :meth:`embeddings`."""
        item = self.model.embed_new_item(text, facts)
        return torch.cat([item, item.new_ones(1)])

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> Any:
        """Take other weights; embeddings that the model kept for evaluation are dropped."""
        self.model.train(self.model.training)
        return super().load_state_dict(state_dict, strict, assign)
