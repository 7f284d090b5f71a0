"""Known answers, and agreement with definitions written out pair by pair."""

import importlib
import inspect
import pkgutil

import numpy as np
import pytest

from kgrec.evaluation import click_metrics
from kgrec.evaluation.click_metrics.accuracy import Accuracy
from kgrec.evaluation.click_metrics.auc import AUC
from kgrec.evaluation.click_metrics.base import ClickMetric
from kgrec.evaluation.click_metrics.f1 import F1
from kgrec.evaluation.click_metrics.log_loss import LogLoss

METRICS = [
    value
    for module in pkgutil.iter_modules(click_metrics.__path__)
    if module.name != "base"
    for value in vars(importlib.import_module(f"{click_metrics.__name__}.{module.name}")).values()
    if inspect.isclass(value) and value.__module__.endswith(module.name)
]


def value(metric: ClickMetric, labels: list[int], logits: list[float]) -> float:
    (found,) = metric(np.array(labels, float), np.array(logits, float), np.zeros(len(labels), np.int64))
    return float(found)


def random_rows(ties: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, log-odds and groups; group 0 has one kind of label only."""
    rng = np.random.default_rng(0)
    labels, groups = rng.integers(0, 2, 300).astype(float), np.r_[np.arange(7), rng.integers(0, 7, 293)]
    labels[groups == 0] = 1.0
    logits = rng.integers(-2, 3, 300).astype(float) if ties else rng.normal(size=300)
    return labels, logits, groups


def test_known_answers() -> None:
    labels, logits = [1, 0, 1, 0], [4.0, 3.0, 2.0, 2.0]
    assert value(AUC(), labels, logits) == 2.5 / 4
    assert value(F1(), [1, 1, 0], [1.0, -1.0, 2.0]) == 0.5
    assert value(Accuracy(), [1, 1, 0], [1.0, -1.0, 2.0]) == pytest.approx(1 / 3)
    assert value(LogLoss(), [1, 0], [0.0, 0.0]) == pytest.approx(np.log(2))
    assert value(LogLoss(), [1, 0], [np.log(3), np.log(3)]) == pytest.approx(-np.log(0.75 * 0.25) / 2)


def test_a_probability_of_one_half_counts_as_observed() -> None:
    assert value(F1(), [1], [0.0]) == value(Accuracy(), [1], [0.0]) == 1


def test_a_constant_score_has_an_auc_of_one_half() -> None:
    assert value(AUC(), [1, 0, 0], [7.0, 7.0, 7.0]) == 0.5


def test_what_is_not_defined_is_not_a_number() -> None:
    assert np.isnan(value(AUC(), [1, 1], [1.0, 2.0]))
    assert np.isnan(value(AUC(), [0, 0], [1.0, 2.0]))
    assert np.isnan(value(F1(), [0, 0], [-1.0, -2.0]))
    assert value(F1(), [0, 0], [1.0, -2.0]) == 0


def test_log_loss_of_extreme_log_odds_is_exact() -> None:
    assert value(LogLoss(), [0, 1], [800.0, 800.0]) == 400


@pytest.mark.parametrize("ties", [False, True])
def test_values_by_group_are_those_of_the_definition(ties: bool) -> None:
    labels, logits, groups = random_rows(ties)
    for group in range(7):
        own, z = labels[groups == group] > 0, logits[groups == group]
        wins = (z[own][:, None] > z[~own][None]) + 0.5 * (z[own][:, None] == z[~own][None])
        auc = wins.mean() if wins.size else np.nan
        predicted = 1 / (1 + np.exp(-z)) >= 0.5
        precision, recall = own[predicted].mean(), predicted[own].mean()
        p = 1 / (1 + np.exp(-z))
        expected = {
            AUC: auc,
            F1: 2 * precision * recall / (precision + recall),
            Accuracy: (predicted == own).mean(),
            LogLoss: -np.log(np.where(own, p, 1 - p)).mean(),
        }
        for metric, wanted in expected.items():
            found = metric()(labels, logits, groups)[group]
            assert found == pytest.approx(wanted, nan_ok=True), (metric.name, group)


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_a_metric_states_its_name_direction_and_denominator(metric: type) -> None:
    assert isinstance(metric(), ClickMetric)
    text = " ".join((inspect.getdoc(metric) or "").lower().split())
    assert "denominator" in text


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_the_order_of_rows_does_not_matter(metric: type) -> None:
    labels, logits, groups = random_rows(ties=True)
    order = np.random.default_rng(1).permutation(300)
    found = metric()(labels[order], logits[order], groups[order])
    np.testing.assert_allclose(found, metric()(labels, logits, groups), rtol=1e-12)


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_better_scores_are_better_in_the_stated_direction(metric: type) -> None:
    bad, good = (value(metric(), [1, 0, 1, 0], scores) for scores in ([-1, 1, 1, -1], [1, -1, 2, -2]))
    assert (good > bad) == metric.higher_is_better
    assert good != bad


def test_four_metrics_are_found() -> None:
    assert {metric.name for metric in METRICS} == {"auc", "f1", "accuracy", "log_loss"}
