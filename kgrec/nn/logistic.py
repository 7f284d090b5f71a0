"""Scores of any range made into log-odds."""

import torch
import torch.nn.functional as F
from torch import Tensor

MAX_ITERATIONS = 50
MIN_SCALE = 1e-6
"""Scale, per standard deviation of the scores, where they say nothing or the opposite: order is kept."""
RIDGE = 1e-6
"""Keeps Newton's steps finite where scores separate the labels."""


def fit_scale_and_bias(scores: Tensor, labels: Tensor) -> tuple[float, float]:
    r"""Scale :math:`a > 0` and bias b that minimise the cross entropy of :math:`\sigma(a s + b)`.

    Platt scaling (`Probabilistic Outputs for Support Vector Machines
    <https://citeseerx.ist.psu.edu/document?doi=42e5ed832d4310ce4378c44d05570439df28a393>`_, Platt, 1999) by
    Newton's method. Differences from the paper: labels are 0 and 1, not smoothed, and a may not fall to
    zero, so that a calibration never changes the order of scores.

    Args:
        scores: ``[n]``, finite.
        labels: ``[n]`` 0 or 1.

    Raises:
        ValueError: shapes differ, nothing is given, or a score is not finite.
    """
    if scores.shape != labels.shape or scores.numel() == 0 or not scores.isfinite().all():
        raise ValueError(f"{tuple(scores.shape)} scores, {tuple(labels.shape)} labels: expected [n] finite")
    scores, labels = scores.double(), labels.double()
    center, spread = scores.mean(), scores.std(correction=0)
    spread = spread if spread > 0 else torch.ones_like(spread)
    columns = torch.stack([(scores - center) / spread, torch.ones_like(scores)], dim=1)
    weights = torch.zeros(2, dtype=torch.float64, device=scores.device)
    for _ in range(MAX_ITERATIONS):
        weights, change = _improved(columns, labels, weights)
        if change < 1e-10:
            break
    if weights[0] < MIN_SCALE:
        share = (labels.mean() + RIDGE) / (1 + 2 * RIDGE)
        weights = torch.stack([torch.full_like(share, MIN_SCALE), share.logit()])
    scale = float(weights[0] / spread)
    return scale, float(weights[1]) - scale * float(center)


def _improved(columns: Tensor, labels: Tensor, weights: Tensor) -> tuple[Tensor, float]:
    """A Newton step, halved until the criterion does not rise; and the step's length."""
    probabilities = torch.sigmoid(columns @ weights)
    gradient = columns.T @ (probabilities - labels) / len(labels) + RIDGE * weights
    curvature = (probabilities * (1 - probabilities)).unsqueeze(1) * columns
    eye = torch.eye(2, dtype=weights.dtype, device=weights.device)
    step = torch.linalg.solve(columns.T @ curvature / len(labels) + RIDGE * eye, gradient)
    before = _criterion(columns, labels, weights)
    while _criterion(columns, labels, weights - step) > before and step.norm() > 1e-12:
        step = step / 2
    return weights - step, float(step.norm())


def _criterion(columns: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    loss = F.binary_cross_entropy_with_logits(columns @ weights, labels)
    return loss + RIDGE / 2 * weights.square().sum()
