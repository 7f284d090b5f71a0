import math

import pytest
import torch

from kgrec.nn.logistic import fit_scale_and_bias


def test_two_scores_get_the_log_odds_of_their_shares() -> None:
    scores = torch.tensor([10.0] * 4 + [30.0] * 4)
    labels = torch.tensor([1.0, 0, 0, 0, 1, 1, 1, 0])
    scale, bias = fit_scale_and_bias(scores, labels)
    assert scale * 10 + bias == pytest.approx(math.log(1 / 3), abs=1e-4)
    assert scale * 30 + bias == pytest.approx(math.log(3), abs=1e-4)


def test_the_gradient_vanishes_at_the_solution() -> None:
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(500, generator=generator) * 50 + 400  # e.g. counts: far from log-odds
    labels = (torch.rand(500, generator=generator) < torch.sigmoid(scores / 50 - 8)).float()
    scale, bias = fit_scale_and_bias(scores, labels)
    error = torch.sigmoid(scale * scores.double() + bias) - labels
    assert abs(float(error.mean())) < 1e-5
    assert abs(float((error * (scores - 400) / 50).mean())) < 1e-5


def test_the_order_of_scores_is_never_turned_round() -> None:
    scale, bias = fit_scale_and_bias(torch.tensor([0.0, 1.0, 2.0, 9.0]), torch.tensor([1.0, 1, 1, 0]))
    assert 0 < scale < 1e-5
    assert bias == pytest.approx(math.log(3), abs=1e-4)  # the share of ones is all that is left to say


def test_separable_and_constant_scores_end_in_finite_numbers() -> None:
    scale, bias = fit_scale_and_bias(torch.tensor([0.0, 1.0]), torch.tensor([0.0, 1.0]))
    assert 1 < scale < math.inf
    assert math.isfinite(bias)
    scale, bias = fit_scale_and_bias(torch.full((4,), 5.0), torch.tensor([1.0, 1, 1, 0]))
    assert scale * 5 + bias == pytest.approx(math.log(3), abs=1e-4)


@pytest.mark.parametrize("scores", [[], [0.0], [math.nan, 0.0]])
def test_unfit_scores_are_refused(scores: list[float]) -> None:
    with pytest.raises(ValueError, match="expected"):
        fit_scale_and_bias(torch.tensor(scores), torch.tensor([0.0, 1.0]))
