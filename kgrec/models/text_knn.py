"""Nearest items by text."""

import torch
from torch import Tensor

from kgrec.models.base import ModelInputs, Recommender
from kgrec.models.features import interaction_matrix, unit_text


class TextKNN(Recommender):
    r"""Cosine between an item's text features and the mean of those in the user's history.

    .. math:: s_{ui} = \cos\Big(\tfrac{1}{|I_u|} \sum_{j \in I_u} t_j, \; t_i\Big)

    with t the text features, L2-normalised. Scores lie in [-1, 1]; items without text and users whose
    whole history has none score 0. Nothing is trained.

    Args:
        inputs: text features and training interactions.
        center: subtract the mean text feature first: mean-pooled token vectors share a large common
            part, which makes every cosine alike.
    """

    needs_text = True
    users: Tensor
    items: Tensor

    def __init__(self, inputs: ModelInputs, center: bool) -> None:
        super().__init__(inputs)
        if inputs.text is None:
            raise ValueError("TextKNN needs text features, got None")
        items = unit_text(inputs.text, center=center)
        history = interaction_matrix(inputs.dataset.train, self.num_users, self.num_items)
        profiles = torch.nn.functional.normalize(torch.from_numpy(history @ items), dim=1)
        self.register_buffer("users", profiles.float(), persistent=False)
        self.register_buffer("items", torch.from_numpy(items).float(), persistent=False)

    def embeddings(self) -> tuple[Tensor, Tensor]:
        """Unit profiles ``[U, Dt]`` and unit text features ``[I, Dt]``."""
        return self.users, self.items
