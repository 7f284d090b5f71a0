"""Contrastive alignment: a gate whose two sides are trained to recognise each other."""

import torch
from torch import Tensor

from kgrec.errors import InputError
from kgrec.nn.fusion.base import check_auxiliary_weight
from kgrec.nn.fusion.gate import Gate
from kgrec.nn.losses import InfoNCE


class ContrastiveAlignment(Gate):
    r"""A :class:`~kgrec.nn.fusion.gate.Gate`, and in training a contrast of its two projected sides.

    .. math::
        \mathrm{loss} = \mathrm{ranking} + w \cdot \mathrm{InfoNCE}_\tau(s', t'), \quad
        s' = W_s s + b_s, \quad t' = W_t t + b_t

    s' and t' are those that the gate mixes; an item's s' should find its own t' among the other items', and
    the other way round (:class:`~kgrec.nn.losses.InfoNCE`, cosine scores, both directions averaged). After
    `CLIP <https://arxiv.org/abs/2103.00020>`_ (Radford et al., 2021, §2.3 and fig. 3); contrasting an item's
    collaborative embedding with its text's in this way is the "-Con" variant of `RLMRec
    <https://arxiv.org/abs/2310.15950>`_ (Ren et al., WWW 2024).

    Differences: the temperature is a setting and not learned as in CLIP; the space of the contrast is that of
    the items themselves, without a head of its own; RLMRec adapts a fixed text embedding to a learned id
    embedding, of users too, where here both sides are the items' and learned.

    The loss trains what makes the two sides: a start that holds the item side would leave it nothing, so the
    hybrid refuses ``weight > 0`` beside ``model.start.hold_items=true``. The start itself does not know it:
    its items are those of a plain gate.

    Missing: as in the gate; an item without text or graph takes no part in the contrast.

    Args:
        structured_dim: Ds.
        text_dim: Dt.
        out_dim: width of the item embeddings.
        initial_bias: prior log-odds of the structured side.
        weight: w ≥ 0; 0 = a plain gate.
        temperature: τ > 0.
        max_items: items contrasted in a step, ≥ 2, drawn at random where more have both sides; memory grows
            with its square.

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
        temperature: float,
        max_items: int,
    ) -> None:
        super().__init__(structured_dim, text_dim, out_dim, initial_bias=initial_bias)
        if max_items < 2:
            raise InputError(
                f"fusion.max_items: found {max_items}, expected at least 2: others to tell apart"
            )
        self.auxiliary_weight = check_auxiliary_weight(weight)
        self.contrast = InfoNCE(temperature=temperature)
        self.max_items = max_items

    def auxiliary_loss(self, structured: Tensor, text: Tensor, has_text: Tensor, has_kg: Tensor) -> Tensor:
        """The contrast over the items with both sides, ``[]``."""
        structured, text = self.blank_missing(structured, text, has_text, has_kg)
        drawn = (has_text & has_kg).nonzero().squeeze(1)
        if len(drawn) > self.max_items:
            drawn = drawn[torch.randperm(len(drawn), device=drawn.device)[: self.max_items]]
        graph_side = self.project_structured(structured[drawn])
        text_side = self.project_text(text[drawn])
        if not len(drawn):
            return (graph_side.sum() + text_side.sum()) * 0.0  # 0, but every process takes part in it
        loss: Tensor = self.contrast(graph_side, text_side)
        return loss
