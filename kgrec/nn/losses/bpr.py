"""Bayesian personalised ranking."""

import torch
import torch.nn.functional as F
from torch import Tensor

from kgrec.nn.losses.base import SampledLoss, weighted_mean


class BPR(SampledLoss):
    r"""Bayesian personalised ranking: a random unobserved item should score below the observed one.

    From `BPR: Bayesian Personalized Ranking from Implicit Feedback <https://arxiv.org/abs/1205.2618>`_
    (Rendle et al., UAI 2009, §4.1): :math:`-\ln \sigma(s_{u,i} - s_{u,j})`, mean over pairs and their
    negatives. The regulariser is the optimiser's weight decay.

    Args:
        num_negatives: n ≥ 1.

    Raises:
        InputError: ``num_negatives`` < 1.
    """

    def of_scores(
        self,
        positive: Tensor,
        negative: Tensor,
        weights: Tensor | None = None,
        kept: Tensor | None = None,
    ) -> Tensor:
        """See :meth:`SampledLoss.of_scores`."""
        losses = F.softplus(negative - positive.unsqueeze(1))
        pair_weights = torch.ones_like(losses) if weights is None else weights.unsqueeze(1).expand_as(losses)
        return weighted_mean(losses, pair_weights if kept is None else pair_weights * kept)
