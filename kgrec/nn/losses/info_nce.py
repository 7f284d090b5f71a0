"""Contrast of two views."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kgrec.nn.losses.softmax import check_temperature


class InfoNCE(nn.Module):
    r"""Aligns two views of the same things: row k of one should find row k of the other.

    Cosine scores, cross entropy in both directions, averaged (`Representation Learning with Contrastive
    Predictive Coding <https://arxiv.org/abs/1807.03748>`_, van den Oord et al., 2018, §2.3, eq. 4;
    symmetric as in `CLIP <https://arxiv.org/abs/2103.00020>`_, Radford et al., 2021, §2.3):

    .. math::
        -\frac{1}{2N} \sum_k \ln \frac{e^{\cos(a_k, b_k)/\tau}}{\sum_j e^{\cos(a_k, b_j)/\tau}}
                           + \ln \frac{e^{\cos(a_k, b_k)/\tau}}{\sum_j e^{\cos(a_j, b_k)/\tau}}

    Args:
        temperature: τ > 0, else InputError.
    """

    def __init__(self, *, temperature: float) -> None:
        super().__init__()
        self.temperature = check_temperature(temperature)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Mean loss, shape ``[]``, of two views ``[N, D]``; memory N × N; ValueError on other shapes."""
        if first.shape != second.shape or first.dim() != 2:
            raise ValueError(f"views {tuple(first.shape)} and {tuple(second.shape)}, expected both [N, D]")
        scores = F.normalize(first, dim=1) @ F.normalize(second, dim=1).T / self.temperature
        own = torch.arange(len(scores), device=scores.device)
        return (F.cross_entropy(scores, own) + F.cross_entropy(scores.T, own)) / 2
