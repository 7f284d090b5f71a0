"""Gate: each item decides, dimension by dimension, how much to trust its graph and how much its text."""

from typing import Any

import torch
from torch import Tensor, nn

from kgrec.nn.fusion.base import LeaningFusion


class Gate(LeaningFusion):
    r"""A sigmoid gate between the two projected sides, as in a gated multimodal unit.

    After `Gated Multimodal Units for Information Fusion <https://arxiv.org/abs/1702.01992>`_ (Arevalo et
    al., 2017), without its tanh, so that embeddings are not confined to a cube:

    .. math::
        s' = W_s s + b_s, \quad t' = W_t t + b_t, \quad
        g = \sigma(W [s ; t] + b + \mathrm{initial\_bias}), \quad
        \mathrm{out} = g \odot s' + (1 - g) \odot t'

    W and b begin at zero, so every item begins with ``g = σ(initial_bias)``, whatever the scales of the
    two sides; a positive ``initial_bias`` leans toward the structured side. It is a constant beside b, so
    weight decay draws the gate back to this prior and not to ½.

    Missing: where the text is missing ``g = 1``; where the graph is missing ``g = 0``; where both are,
    ``out = 0``.

    Args:
        structured_dim: Ds.
        text_dim: Dt.
        out_dim: width of the item embeddings.
        initial_bias: prior log-odds of the structured side.
    """

    def __init__(self, structured_dim: int, text_dim: int, out_dim: int, *, initial_bias: float) -> None:
        super().__init__(structured_dim, text_dim, out_dim)
        self.project_structured = nn.Linear(structured_dim, out_dim)
        self.project_text = nn.Linear(text_dim, out_dim)
        self.gate = nn.Linear(structured_dim + text_dim, out_dim)
        for linear in (self.project_structured, self.project_text):
            nn.init.orthogonal_(linear.weight)  # both sides keep their lengths to begin with
            nn.init.zeros_(linear.bias)
        nn.init.zeros_(self.gate.weight)
        nn.init.zeros_(self.gate.bias)
        self.initial_bias = initial_bias

    def lean(self, log_odds: float) -> None:
        """Set b so that ``g = σ(log_odds)`` while W is zero."""
        nn.init.constant_(self.gate.bias, log_odds - self.initial_bias)

    def forward(self, structured: Tensor, text: Tensor, has_text: Tensor, has_kg: Tensor) -> Tensor:
        """``[N, Ds], [N, Dt] -> [N, out_dim]``."""
        structured, text = self.blank_missing(structured, text, has_text, has_kg)
        gate = self._gate(structured, text, has_text)
        has_text, has_kg = has_text.unsqueeze(1), has_kg.unsqueeze(1)
        # With both missing g is 1 here, and the mask of the structured side makes the output 0.
        structured_share = gate * has_kg
        text_share = (1 - gate).masked_fill(~has_kg, 1.0) * has_text
        return structured_share * self.project_structured(structured) + text_share * self.project_text(text)

    def structured_share(
        self, structured: Tensor, text: Tensor, has_text: Tensor, has_kg: Tensor, *context: Any
    ) -> Tensor:
        """Mean of g over the dimensions."""
        structured, text = self.blank_missing(structured, text, has_text, has_kg)
        return self._gate(structured, text, has_text).mean(dim=1) * has_kg

    def _gate(self, structured: Tensor, text: Tensor, has_text: Tensor) -> Tensor:
        """The gate ``[N, out_dim]``, as far as the text decides it: the graph may be missing besides."""
        gate = torch.sigmoid(self.gate(torch.cat([structured, text], dim=1)) + self.initial_bias)
        return gate.masked_fill(~has_text.unsqueeze(1), 1.0)
