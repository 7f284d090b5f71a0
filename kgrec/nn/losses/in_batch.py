"""Softmax over the items of the batch."""

import torch
import torch.nn.functional as F
from torch import Tensor

from kgrec.nn.losses.base import per_pair, weighted_mean
from kgrec.nn.losses.softmax import Softmax


class InBatchSoftmax(Softmax):
    r"""Cross entropy of the observed item among the distinct items of the batch.

    .. math::
        -\frac{s_{u,i}}{\tau} + \ln \sum_{j \in P} e^{s_{u,j} / \tau}, \quad
        P = \{i' : (u', i') \text{ in the batch}\}

    For models whose item vectors are dear: only those of P are read. Popular items are drawn into P more
    often, but stand there once, which is the correction of `Sampling-Bias-Corrected Neural Modeling for Large
    Corpus Item Recommendations <https://doi.org/10.1145/3298689.3346996>`_ (Yi et al., RecSys 2019, §3) with
    an item's share of the batch as its probability; the paper estimates it over the stream. The user's other
    positives stay in the sum. Memory: a ``[B, |P|]`` matrix.

    Args:
        temperature: τ > 0; scores are divided by it.
        normalize: True = cosine scores, False = inner products.

    Raises:
        InputError: ``temperature`` ≤ 0.
    """

    def forward(
        self,
        users: Tensor,
        items: Tensor,
        positives: Tensor,
        negatives: Tensor,
        weights: Tensor | None = None,
        candidate_mask: Tensor | None = None,
        rows: Tensor | None = None,
    ) -> Tensor:
        """See :meth:`kgrec.nn.losses.base.RankingLoss.forward`; ``negatives`` are not read."""
        candidates, own = positives.unique(return_inverse=True)
        users = self.ranking_space(users) / self.temperature
        scores = per_pair(users @ self.ranking_space(items[candidates]).T, rows)
        if candidate_mask is not None:
            is_own = F.one_hot(own, len(candidates)).bool()
            scores = scores.masked_fill(~(candidate_mask[candidates] | is_own), -torch.inf)
        return weighted_mean(F.cross_entropy(scores, own, reduction="none"), weights)
