"""What every fusion offers: structured features ⊕ text features → item embeddings."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from kgrec.errors import InputError


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
        auxiliary_weight: of :meth:`auxiliary_loss` beside the ranking loss, ≥ 0; 0 = there is none.

    Raises:
        ValueError: a size below 1.
    """

    auxiliary_weight: float = 0.0

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

    def structured_share(
        self, structured: Tensor, text: Tensor, has_text: Tensor, has_kg: Tensor, *context: Any
    ) -> Tensor | None:
        """``[N]`` in [0, 1]: how much of each item is its graph; ``None`` where the fusion weighs no sides.

        Arguments and errors as of :meth:`forward`.
        """
        return None

    def auxiliary_loss(self, structured: Tensor, text: Tensor, has_text: Tensor, has_kg: Tensor) -> Tensor:
        """What training minimises beside the ranking loss, ``[]``, ≥ 0, not yet weighted; 0 by default.

        Only items with both sides count; without any it is 0. Arguments and errors as of :meth:`forward`.
        """
        return structured.new_zeros(())

    def training_only(self) -> list[nn.Parameter]:
        """Parameters that :meth:`auxiliary_loss` alone reads: a trained model can do without them."""
        return []

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


def require_plain(fusion: Fusion, model: str) -> Fusion:
    """The fusion, for a model that knows of no auxiliary loss and has no tokens to give.

    Raises:
        InputError: it has such a loss, or reads tokens.
    """
    if fusion.auxiliary_weight > 0 or isinstance(fusion, TokenFusion):
        raise InputError(
            f"fusion: found {type(fusion).__name__}, whose loss or tokens model={model} does not know; "
            "set fusion=gate or model=hybrid"
        )
    return fusion


class LeaningFusion(Fusion):
    """A fusion with a prior share of the structured side, which a start can choose."""

    @abstractmethod
    def lean(self, log_odds: float) -> None:
        """Give the structured side these log-odds wherever nothing has been learned of an item."""


@dataclass(frozen=True)
class TokenContext:
    """What an item's text and graph are made of.

    Attributes:
        tokens: ``[N, T, Dt]``, one row per token of the text, in the space of the text features.
        token_mask: ``[N, T]`` bool; where False, the token is never looked at.
        neighbours: ``[N, K, out_dim]``, embeddings of the entities that the item's facts name.
        neighbour_mask: ``[N, K]`` bool; where False, the neighbour is never looked at.
    """

    tokens: Tensor
    token_mask: Tensor
    neighbours: Tensor
    neighbour_mask: Tensor


class TokenFusion(Fusion):
    """A fusion that can look into an item's text and graph, token by token and entity by entity.

    Attributes:
        max_neighbours: K at most; the rarest entities of an item come first.
        max_tokens: T at most.
    """

    max_neighbours: int
    max_tokens: int

    @abstractmethod
    def forward(
        self,
        structured: Tensor,
        text: Tensor,
        has_text: Tensor,
        has_kg: Tensor,
        context: TokenContext | None = None,
    ) -> Tensor:
        """Item embeddings ``[N, out_dim]``; see :meth:`Fusion.forward`.

        ``context`` is ``None`` where the text is a single token and there are no neighbours. What belongs to
        a missing side is never looked at.
        """


def check_auxiliary_weight(weight: float) -> float:
    """``weight``, if it is one.

    Raises:
        InputError: it is negative.
    """
    if weight < 0:
        raise InputError(f"fusion.weight: found {weight}, expected at least 0")
    return weight
