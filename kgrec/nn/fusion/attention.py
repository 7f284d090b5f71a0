"""Attention: each item weighs its two sides by one learned question."""

from typing import Any

import torch
from torch import Tensor, nn

from kgrec.nn.fusion.base import Fusion


class Attention(Fusion):
    r"""Softmax attention over the two projected sides with a learned query.

    After the semantic-level attention of `Heterogeneous Graph Attention Network
    <https://arxiv.org/abs/1903.07293>`_ (Wang et al., WWW 2019, §4.2, eqs. 7 to 9), but with weights per
    item instead of their mean over all items:

    .. math::
        m_1 = W_s s + b_s, \quad m_2 = W_t t + b_t, \quad
        \alpha_k = \mathrm{softmax}_k\big(q^\top \tanh(W m_k + b)\big), \quad
        \mathrm{out} = \sum_k \alpha_k m_k

    Relation to :class:`~kgrec.nn.fusion.gate.Gate`: one weight per item and side, not one per dimension,
    and each side's claim is judged from that side alone.

    Missing: the side gets weight 0 and the other weight 1; where both are missing, ``out = 0``.

    Args:
        structured_dim: Ds.
        text_dim: Dt.
        out_dim: width of the item embeddings, and of the query.
    """

    def __init__(self, structured_dim: int, text_dim: int, out_dim: int) -> None:
        super().__init__(structured_dim, text_dim, out_dim)
        self.project_structured = nn.Linear(structured_dim, out_dim)
        self.project_text = nn.Linear(text_dim, out_dim)
        self.key = nn.Linear(out_dim, out_dim)
        self.query = nn.Parameter(torch.empty(out_dim))
        nn.init.normal_(self.query, std=out_dim**-0.5)

    def forward(self, structured: Tensor, text: Tensor, has_text: Tensor, has_kg: Tensor) -> Tensor:
        """``[N, Ds], [N, Dt] -> [N, out_dim]``."""
        weights, sides = self._weighed(structured, text, has_text, has_kg)
        return (weights.unsqueeze(2) * sides).sum(dim=1)

    def structured_share(
        self, structured: Tensor, text: Tensor, has_text: Tensor, has_kg: Tensor, *context: Any
    ) -> Tensor:
        """α of the structured side."""
        return self._weighed(structured, text, has_text, has_kg)[0][:, 0]

    def _weighed(
        self, structured: Tensor, text: Tensor, has_text: Tensor, has_kg: Tensor
    ) -> tuple[Tensor, Tensor]:
        """α ``[N, 2]`` and m ``[N, 2, out_dim]``."""
        structured, text = self.blank_missing(structured, text, has_text, has_kg)
        sides = torch.stack([self.project_structured(structured), self.project_text(text)], dim=1)
        present = torch.stack([has_kg, has_text], dim=1)
        claims = torch.tanh(self.key(sides)) @ self.query  # [N, 2]
        # The lowest finite number, not -inf: a row without any side stays free of NaN and is zeroed below.
        claims = claims.masked_fill(~present, torch.finfo(claims.dtype).min)
        return torch.softmax(claims, dim=1) * present, sides
