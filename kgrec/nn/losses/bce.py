"""Cross entropy of observed against sampled pairs."""

import torch
import torch.nn.functional as F
from torch import Tensor

from kgrec.nn.losses.base import SampledLoss, weighted_mean


class BinaryCrossEntropy(SampledLoss):
    r"""Is this pair observed or sampled? Each pair is asked by itself, as in click-through prediction.

    From `Neural Collaborative Filtering <https://arxiv.org/abs/1708.05031>`_ (He et al., WWW 2017, §3.1.1,
    eq. 7), the criterion of RippleNet, KGCN and KGNN-LS:

    .. math:: -\ln \sigma(s_{u,i}) - \sum_{j=1}^{n} \ln (1 - \sigma(s_{u,j}))

    mean over the B (1 + n) pairs. Scores are log-odds.

    Args:
        num_negatives: n ≥ 1; the papers draw as many negatives as there are positives, n = 1.

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
        losses = F.softplus(torch.cat([-positive.unsqueeze(1), negative], dim=1))
        pair_weights = torch.ones_like(losses) if weights is None else weights.unsqueeze(1).expand_as(losses)
        if kept is not None:
            pair_weights = pair_weights * F.pad(kept, (1, 0), value=True)
        return weighted_mean(losses, pair_weights)
