"""The language model alone: the ablation without a graph."""

from torch import Tensor, nn

from kgrec.nn.fusion.base import Fusion


class TextOnly(Fusion):
    r"""``out = W_t t + b_t``; the graph is ignored.

    Missing: where the text is missing, ``out = 0``; a missing graph changes nothing.

    Args:
        structured_dim: checked, otherwise ignored.
        text_dim: Dt.
        out_dim: width of the item embeddings.
    """

    def __init__(self, structured_dim: int, text_dim: int, out_dim: int) -> None:
        super().__init__(structured_dim, text_dim, out_dim)
        self.project = nn.Linear(text_dim, out_dim)

    def forward(self, structured: Tensor, text: Tensor, has_text: Tensor, has_kg: Tensor) -> Tensor:
        """``[N, Ds], [N, Dt] -> [N, out_dim]``."""
        _, text = self.blank_missing(structured, text, has_text, has_kg)
        return self.project(text) * has_text.unsqueeze(1)
