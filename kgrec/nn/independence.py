"""How far vectors are from independent."""

import torch
from torch import Tensor

_EPSILON = 1e-12  # under the root, whose gradient has no end at 0


def distance_correlation(vectors: Tensor) -> Tensor:
    r"""Sum of the distance correlations of all pairs of rows, shape ``[]``.

    From `Measuring and testing dependence by correlation of distances
    <https://arxiv.org/abs/0803.4101>`_ (Székely, Rizzo and Bakirov, Annals of Statistics 2007, §2), with the
    D numbers of a row as the sample:

    .. math::
        \mathrm{dCor}(a, b) = \sqrt{\frac{\mathrm{dCov}^2(a, b)}
            {\sqrt{\mathrm{dCov}^2(a, a)\, \mathrm{dCov}^2(b, b)}}}, \qquad
        \mathrm{dCov}^2(a, b) = \frac{1}{D^2} \sum_{k,l} A_{kl} B_{kl}

    where A is the matrix of distances \|a_k − a_l\|, less its row and column means, plus its mean. It lies in
    [0, 1]: 0 for constants, 1 for rows that are linear in each other.

    Args:
        vectors: ``[P, D]``; memory P × D².
    """
    distances = (vectors.unsqueeze(2) - vectors.unsqueeze(1)).abs()
    rows = distances.mean(dim=2, keepdim=True)
    centred = (distances - rows - rows.transpose(1, 2) + rows.mean(dim=1, keepdim=True)).flatten(1)
    covariance = (centred @ centred.T) / centred.shape[1]
    variance = covariance.diagonal()
    first, second = torch.triu_indices(len(vectors), len(vectors), offset=1, device=vectors.device)
    cross = covariance[first, second].clamp(min=0)
    scale = (variance[first] * variance[second]).clamp(min=_EPSILON**2).sqrt()
    return (cross / scale + _EPSILON).sqrt().sum()
