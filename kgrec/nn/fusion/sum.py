"""Sum: both sides projected into one space and added."""

from torch import Tensor, nn

from kgrec.nn.fusion.base import Fusion


class Sum(Fusion):
    r"""``out = h_kg (W_s s + b_s) + h_text (W_t t + b_t)`` with the masks h ∈ {0, 1}.

    Missing: the side is left out, its bias too, and the other is kept as it is, not rescaled: an item
    about which less is known gets a shorter embedding. Where both are missing, ``out = 0``.

    Args:
        structured_dim: Ds.
        text_dim: Dt.
        out_dim: width of the item embeddings.
    """

    def __init__(self, structured_dim: int, text_dim: int, out_dim: int) -> None:
        super().__init__(structured_dim, text_dim, out_dim)
        self.project_structured = nn.Linear(structured_dim, out_dim)
        self.project_text = nn.Linear(text_dim, out_dim)

    def forward(self, structured: Tensor, text: Tensor, has_text: Tensor, has_kg: Tensor) -> Tensor:
        """``[N, Ds], [N, Dt] -> [N, out_dim]``."""
        structured, text = self.blank_missing(structured, text, has_text, has_kg)
        structured = self.project_structured(structured) * has_kg.unsqueeze(1)
        return structured + self.project_text(text) * has_text.unsqueeze(1)
