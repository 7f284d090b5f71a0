"""Masked reconstruction: a gate that must also tell a hidden side from the other."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kgrec.errors import InputError
from kgrec.nn.fusion.base import check_auxiliary_weight
from kgrec.nn.fusion.gate import Gate


class MaskedReconstruction(Gate):
    r"""A :class:`~kgrec.nn.fusion.gate.Gate`, and in training the rebuilding of one side from the other.

    Of each item with both sides one is hidden, the graph with probability p, else the text. The gate joins
    what is left, and a linear decoder D of the hidden side rebuilds it from the item's embedding:

    .. math::
        \mathrm{loss} = \mathrm{ranking}
            + w \cdot \frac{1}{N} \sum_i \big(1 - \cos(D(\mathrm{out}_i), \mathrm{sg}[h_i])\big)^\gamma

    with h_i the features hidden, s or t as the fusion is given them, and sg their value without gradient. The
    scaled cosine error is that of `GraphMAE <https://arxiv.org/abs/2205.10803>`_ (Hou et al., KDD 2022,
    §3.2); rebuilding an item's text embedding from a masked collaborative one is the "-Gen" variant of
    `RLMRec <https://arxiv.org/abs/2310.15950>`_ (Ren et al., WWW 2024).

    Differences: whole sides are hidden, not nodes among their neighbours, and either side by the other;
    there is no mask token, since the gate knows of missing sides; the decoders are linear; the features to
    be rebuilt are learned themselves, so that they are held still in the error, or they would shrink to what
    is easily told.

    The loss trains the side that is left, its projection and the decoders, and of the gate's weights none: a
    hidden side leaves nothing to weigh. A start that holds the item side would leave it the decoders alone,
    which no score reads, so the hybrid refuses ``weight > 0`` beside ``model.start.hold_items=true``. The
    start itself does not know it: its items are those of a plain gate.

    Missing: as in the gate; an item without text or graph has nothing to be rebuilt.

    Args:
        structured_dim: Ds.
        text_dim: Dt.
        out_dim: width of the item embeddings.
        initial_bias: prior log-odds of the structured side.
        weight: w ≥ 0; 0 = a plain gate.
        graph_share: p in [0, 1].
        exponent: γ ≥ 1; above 1, what is nearly right counts less.

    Raises:
        InputError: a setting outside its range.
    """

    def __init__(
        self,
        structured_dim: int,
        text_dim: int,
        out_dim: int,
        *,
        initial_bias: float,
        weight: float,
        graph_share: float,
        exponent: float,
    ) -> None:
        super().__init__(structured_dim, text_dim, out_dim, initial_bias=initial_bias)
        if not 0 <= graph_share <= 1:
            raise InputError(f"fusion.graph_share: found {graph_share}, expected a share in [0, 1]")
        if exponent < 1:
            raise InputError(f"fusion.exponent: found {exponent}, expected at least 1")
        self.auxiliary_weight = check_auxiliary_weight(weight)
        self.graph_share = graph_share
        self.exponent = exponent
        self.decode_structured = nn.Linear(out_dim, structured_dim)
        self.decode_text = nn.Linear(out_dim, text_dim)

    def auxiliary_loss(self, structured: Tensor, text: Tensor, has_text: Tensor, has_kg: Tensor) -> Tensor:
        """Mean error over the items with both sides, ``[]``."""
        structured, text = self.blank_missing(structured, text, has_text, has_kg)
        both = has_text & has_kg
        structured, text = structured[both], text[both]
        graph_hidden = torch.rand(len(text), device=text.device) < self.graph_share
        joined = self(structured, text, graph_hidden, ~graph_hidden)
        errors = torch.cat(
            [
                self._errors(self.decode_structured(joined[graph_hidden]), structured[graph_hidden]),
                self._errors(self.decode_text(joined[~graph_hidden]), text[~graph_hidden]),
            ]
        )
        return errors.sum() / max(len(errors), 1)

    def training_only(self) -> list[nn.Parameter]:
        """The decoders'."""
        return [*self.decode_structured.parameters(), *self.decode_text.parameters()]

    def _errors(self, rebuilt: Tensor, hidden: Tensor) -> Tensor:
        # Rounding can put a cosine above 1, where a power that is no whole number has no value.
        distance = 1 - F.cosine_similarity(rebuilt, hidden.detach(), dim=1)
        return distance.clamp(min=0.0).pow(self.exponent)
