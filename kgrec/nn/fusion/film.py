"""FiLM: the graph scales and shifts the text's features."""

from torch import Tensor, nn

from kgrec.nn.fusion.base import Fusion


class FiLM(Fusion):
    r"""Feature-wise linear modulation of the text by the graph.

    After `FiLM: Visual Reasoning with a General Conditioning Layer <https://arxiv.org/abs/1709.07871>`_
    (Perez et al., AAAI 2018, §2.1, eqs. 1 and 2), with the graph's features as the condition:

    .. math::
        t' = W_t t + b_t, \quad \gamma = 1 + W_\gamma s, \quad \beta = W_\beta s + b_\beta, \quad
        \mathrm{out} = \gamma \odot t' + \beta

    W_γ begins at zero, so that training begins at a sum of both sides.

    Missing: where the graph is missing ``out = t'``; where the text is missing ``out = β``; where both are,
    ``out = 0``.

    Args:
        structured_dim: Ds.
        text_dim: Dt.
        out_dim: width of the item embeddings.
    """

    def __init__(self, structured_dim: int, text_dim: int, out_dim: int) -> None:
        super().__init__(structured_dim, text_dim, out_dim)
        self.project_text = nn.Linear(text_dim, out_dim)
        self.scale = nn.Linear(structured_dim, out_dim, bias=False)
        self.shift = nn.Linear(structured_dim, out_dim)
        for linear in (self.project_text, self.shift):
            nn.init.orthogonal_(linear.weight)
            nn.init.zeros_(linear.bias)
        nn.init.zeros_(self.scale.weight)

    def forward(self, structured: Tensor, text: Tensor, has_text: Tensor, has_kg: Tensor) -> Tensor:
        """``[N, Ds], [N, Dt] -> [N, out_dim]``."""
        structured, text = self.blank_missing(structured, text, has_text, has_kg)
        modulated = (1 + self.scale(structured)) * self.project_text(text)
        shift = self.shift(structured)
        return modulated * has_text.unsqueeze(1) + shift * has_kg.unsqueeze(1)
