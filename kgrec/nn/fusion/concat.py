"""Concatenation: one linear map of everything."""

import torch
from torch import Tensor, nn

from kgrec.nn.fusion.base import Fusion


class Concat(Fusion):
    r"""``out = W [s ; t ; h_kg ; h_text] + b`` with the masks h ∈ {0, 1} as two more inputs.

    Missing: the side's features are zeros and its flag is 0, so W can learn what absence means (a zero
    row alone cannot be told from an average item). Where both are missing, ``out = b``.

    Args:
        structured_dim: Ds.
        text_dim: Dt.
        out_dim: width of the item embeddings.
    """

    def __init__(self, structured_dim: int, text_dim: int, out_dim: int) -> None:
        super().__init__(structured_dim, text_dim, out_dim)
        self.linear = nn.Linear(structured_dim + text_dim + 2, out_dim)

    def forward(self, structured: Tensor, text: Tensor, has_text: Tensor, has_kg: Tensor) -> Tensor:
        """``[N, Ds], [N, Dt] -> [N, out_dim]``."""
        structured, text = self.blank_missing(structured, text, has_text, has_kg)
        flags = torch.stack([has_kg, has_text], dim=1).to(structured.dtype)
        return self.linear(torch.cat([structured, text, flags], dim=1))
