"""The graph alone: the ablation without a language model."""

from torch import Tensor, nn

from kgrec.nn.fusion.base import Fusion


class StructuredOnly(Fusion):
    r"""``out = W_s s + b_s``; the text is ignored.

    Missing: where the graph is missing, ``out = 0``; missing text changes nothing.

    Args:
        structured_dim: Ds.
        text_dim: checked, otherwise ignored.
        out_dim: width of the item embeddings.
    """

    def __init__(self, structured_dim: int, text_dim: int, out_dim: int) -> None:
        super().__init__(structured_dim, text_dim, out_dim)
        self.project = nn.Linear(structured_dim, out_dim)

    def forward(self, structured: Tensor, text: Tensor, has_text: Tensor, has_kg: Tensor) -> Tensor:
        """``[N, Ds], [N, Dt] -> [N, out_dim]``."""
        structured, _ = self.blank_missing(structured, text, has_text, has_kg)
        return self.project(structured) * has_kg.unsqueeze(1)
