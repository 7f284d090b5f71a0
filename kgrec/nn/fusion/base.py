"""What every fusion offers: structured features ⊕ text features → item embeddings."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn


class Fusion(nn.Module, ABC):
    """Joins two feature rows per item into one.

    A config decides the hyperparameters (``_partial_: true``); the data decides the sizes:
    ``fusion(structured_dim=, text_dim=, out_dim=)``. A row's output depends on that row alone.

    Args:
        structured_dim: Ds, width of the graph's features.
        text_dim: Dt, width of the language model's features.
        out_dim: width of the item embeddings.

    Attributes:
        out_dim: width of the item embeddings.

    Raises:
        ValueError: a size below 1.
    """

    def __init__(self, structured_dim: int, text_dim: int, out_dim: int) -> None:
        super().__init__()
        if min(structured_dim, text_dim, out_dim) < 1:
            found = f"structured_dim {structured_dim}, text_dim {text_dim}, out_dim {out_dim}"
            raise ValueError(f"{found}; expected all ≥ 1")
        self.structured_dim = structured_dim
        self.text_dim = text_dim
        self.out_dim = out_dim

    @abstractmethod
    def forward(self, structured: Tensor, text: Tensor, has_text: Tensor, has_kg: Tensor) -> Tensor:
        """Item embeddings.

        Args:
            structured: ``[N, Ds]``.
            text: ``[N, Dt]``.
            has_text: ``[N]`` bool; where False, the row of ``text`` is never looked at.
            has_kg: ``[N]`` bool; where False, the row of ``structured`` is never looked at.

        Returns:
            ``[N, out_dim]``.

        Raises:
            ValueError: shapes or mask types other than these.
        """

    def blank_missing(
        self, structured: Tensor, text: Tensor, has_text: Tensor, has_kg: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Check shapes; return both feature matrices with 0 in the rows that are missing.

        Filled, not multiplied: whatever a missing row holds (NaN too) can leak neither into outputs nor
        into gradients.

        Raises:
            ValueError: shapes or mask types other than those of :meth:`forward`.
        """
        n = structured.shape[0]
        expected = {
            "structured": (structured, (n, self.structured_dim)),
            "text": (text, (n, self.text_dim)),
            "has_text": (has_text, (n,)),
            "has_kg": (has_kg, (n,)),
        }
        for name, (tensor, shape) in expected.items():
            if tuple(tensor.shape) != shape:
                raise ValueError(f"{name} is {tuple(tensor.shape)}, expected {shape}")
        for name, mask in (("has_text", has_text), ("has_kg", has_kg)):
            if mask.dtype != torch.bool:
                raise ValueError(f"{name} is {mask.dtype}, expected torch.bool")
        return (
            structured.masked_fill(~has_kg.unsqueeze(1), 0.0),
            text.masked_fill(~has_text.unsqueeze(1), 0.0),
        )


class LeaningFusion(Fusion):
    """A fusion with a prior share of the structured side, which a start can choose."""

    @abstractmethod
    def lean(self, log_odds: float) -> None:
        """Give the structured side these log-odds wherever nothing has been learned of an item."""
