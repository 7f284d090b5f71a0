"""Distance correlation: known answers."""

import numpy as np
import pytest
import torch
from scipy.spatial.distance import pdist, squareform

from kgrec.nn.independence import distance_correlation


def by_definition(a, b):
    def centred(values):
        distances = squareform(pdist(values[:, None]))
        return distances - distances.mean(0) - distances.mean(1)[:, None] + distances.mean()

    first, second = centred(a), centred(b)
    return np.sqrt((first * second).mean() / np.sqrt((first**2).mean() * (second**2).mean()))


def test_it_is_the_sum_over_pairs_of_the_definition():
    vectors = np.random.default_rng(0).normal(size=(3, 12))
    expected = sum(by_definition(vectors[i], vectors[j]) for i, j in [(0, 1), (0, 2), (1, 2)])
    found = distance_correlation(torch.from_numpy(vectors)).item()
    assert found == pytest.approx(expected, abs=1e-6)


def test_linear_is_one_and_a_constant_is_zero():
    line = torch.linspace(-1, 1, 9)
    assert distance_correlation(torch.stack([line, 3 - 2 * line])).item() == pytest.approx(1, abs=1e-5)
    assert distance_correlation(torch.stack([line, torch.ones(9)])).item() == pytest.approx(0, abs=1e-5)


def test_one_vector_has_no_pair_and_gradients_are_finite():
    assert distance_correlation(torch.randn(1, 5)).item() == 0
    vectors = torch.zeros(3, 4, requires_grad=True)
    distance_correlation(vectors).backward()
    assert vectors.grad.isfinite().all()
