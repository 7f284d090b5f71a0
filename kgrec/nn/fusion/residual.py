"""Residual: both sides added up as they are."""

from torch import Tensor, nn

from kgrec.nn.fusion.base import Fusion


class Residual(Fusion):
    r"""``out = h_kg P s + h_text W t`` with the masks h ∈ {0, 1}; P, W are the identity where widths agree.

    Relation to :class:`~kgrec.nn.fusion.sum.Sum`: embeddings that are learned anyway need no map of their
    own, and without text they are what they would be in a model that knows none. Where a side's width is not
    that of the output it gets a learned map.

    Missing: the side is left out and the other kept as it is. Where both are missing, ``out = 0``.

    Args:
        structured_dim: Ds.
        text_dim: Dt.
        out_dim: width of the item embeddings.
    """

    def __init__(self, structured_dim: int, text_dim: int, out_dim: int) -> None:
        super().__init__(structured_dim, text_dim, out_dim)
        self.project_structured = _map(structured_dim, out_dim)
        self.project_text = _map(text_dim, out_dim)

    def forward(self, structured: Tensor, text: Tensor, has_text: Tensor, has_kg: Tensor) -> Tensor:
        """``[N, Ds], [N, Dt] -> [N, out_dim]``."""
        structured, text = self.blank_missing(structured, text, has_text, has_kg)
        joined: Tensor = self.project_structured(structured) + self.project_text(text)
        return joined


def _map(width: int, out_dim: int) -> nn.Module:
    return nn.Identity() if width == out_dim else nn.Linear(width, out_dim, bias=False)
