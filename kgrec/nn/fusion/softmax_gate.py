"""Softmax gate: a gate whose dimensions compete with each other."""

import torch
from torch import Tensor, nn

from kgrec.nn.fusion.base import Fusion


class SoftmaxGate(Fusion):
    r"""The "self-attention" that joins graph and sentence embeddings of an item in the UMAP 2023 paper.

    From `Combining Graph Neural Networks and Sentence Encoders for Knowledge-aware Recommendations
    <https://doi.org/10.1145/3565472.3592965>`_ (Spillo et al., UMAP 2023), as its published code has it:

    .. math::
        s' = W_s s + b_s, \quad t' = W_t t + b_t, \quad
        a = \mathrm{softmax}(W [s' ; t'] + b), \quad \mathrm{out} = a \odot s' + (1 - a) \odot t'

    The softmax runs over the *dimensions* of an item, so the structured side's shares add up to 1 however
    wide the embedding is: with D dimensions it has 1/D on average, where
    :class:`~kgrec.nn.fusion.gate.Gate` has ½. It is here to be compared with.

    Differences: one linear map per side in place of three layers with ReLU, as for the other fusions.

    Missing: where the text is missing ``out = s'``; where the graph is missing ``out = t'``; where both are,
    ``out = 0``.

    Args:
        structured_dim: Ds.
        text_dim: Dt.
        out_dim: width of the item embeddings.
    """

    def __init__(self, structured_dim: int, text_dim: int, out_dim: int) -> None:
        super().__init__(structured_dim, text_dim, out_dim)
        self.project_structured = nn.Linear(structured_dim, out_dim)
        self.project_text = nn.Linear(text_dim, out_dim)
        self.gate = nn.Linear(2 * out_dim, out_dim)
        for linear in (self.project_structured, self.project_text):
            nn.init.orthogonal_(linear.weight)
            nn.init.zeros_(linear.bias)

    def forward(self, structured: Tensor, text: Tensor, has_text: Tensor, has_kg: Tensor) -> Tensor:
        """``[N, Ds], [N, Dt] -> [N, out_dim]``."""
        structured, text = self.blank_missing(structured, text, has_text, has_kg)
        has_text, has_kg = has_text.unsqueeze(1), has_kg.unsqueeze(1)
        from_graph, from_text = self.project_structured(structured), self.project_text(text)
        share = torch.softmax(self.gate(torch.cat([from_graph, from_text], dim=1)), dim=1)
        of_graph = share.masked_fill(~has_text, 1.0) * has_kg
        of_text = (1 - share).masked_fill(~has_kg, 1.0) * has_text
        return of_graph * from_graph + of_text * from_text
