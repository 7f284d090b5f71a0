"""EASE that reads the graph and the text beside the interactions: the closed-form rival of the hybrid."""

from typing import ClassVar

import torch
from torch import Tensor

from kgrec.models.base import ModelInputs, Recommender
from kgrec.models.features import SparseRows, interaction_matrix
from kgrec.models.item_operator import ItemOperator


class EASEGraph(Recommender):
    """The recommender that is a :class:`~kgrec.models.item_operator.ItemOperator` and nothing else.

    Scores may have any sign. A cold item is scored through the facts and the text that it shares with what
    the user knows. O(I³) time for each setting tried and O(I²) memory.

    Args:
        inputs: training interactions, graph, text; validation interactions for the choices.
        operator: what is solved, and what is chosen from.
    """

    needs_graph: ClassVar[bool] = True
    needs_text: ClassVar[bool] = True
    reads_attributes: ClassVar[bool] = True
    weights: Tensor
    bias: Tensor

    def __init__(self, inputs: ModelInputs, operator: ItemOperator) -> None:
        super().__init__(inputs)
        self.required_inputs(inputs)
        self.operator = operator
        self._inputs = inputs
        dataset = inputs.dataset
        self.history = SparseRows(interaction_matrix(dataset.train, self.num_users, self.num_items))
        self.register_buffer("weights", torch.zeros(self.num_items, self.num_items))
        self.register_buffer("bias", torch.zeros(self.num_items))

    def fit(self) -> None:
        """Choose and solve."""
        solved = self.operator.solve(self._inputs)
        self.chosen = solved.setting
        self.weights.copy_(solved.weights)
        self.bias.copy_(solved.popularity * solved.log_counts)

    def score(self, user_ids: Tensor) -> Tensor:
        """Scores ``[B, I]``."""
        return self.history.product(user_ids, self.weights) + self.bias
