import numpy as np
import pytest

from kgrec.evaluation.bootstrap import Bootstrap, Estimate


def simulate(
    seed: int, splits: int, users: int, between: float, shared: float, noise: float, effect: float = 0.0
) -> list[np.ndarray]:
    """Per-user differences with a split effect, a user effect that all splits share, and noise."""
    generator = np.random.default_rng(seed)
    user_effect = generator.normal(0, shared, users)
    return [
        effect + generator.normal(0, between) + user_effect + generator.normal(0, noise, users)
        for _ in range(splits)
    ]


def coverage(num_studies: int, shared_users: bool, **truth: float) -> float:
    hits = 0
    for study in range(num_studies):
        differences = simulate(study, effect=0.3, **truth)
        zeros = [np.zeros_like(part) for part in differences]
        draws = Bootstrap({"a": differences, "b": zeros}, study, shared_users, num_draws=500)
        estimate = draws.difference("a", "b")
        hits += estimate.low <= 0.3 <= estimate.high
    return hits / num_studies


def test_nested_intervals_cover_the_truth_when_splits_differ() -> None:
    covered = coverage(300, False, splits=20, users=40, between=0.1, shared=0.0, noise=0.5)
    assert 0.92 <= covered <= 0.995


def test_crossed_intervals_cover_the_truth_when_users_differ_and_nested_ones_do_not() -> None:
    truth = {"splits": 5, "users": 80, "between": 0.02, "shared": 0.5, "noise": 0.1}
    assert 0.91 <= coverage(300, True, **truth) <= 0.99
    assert coverage(300, False, **truth) < 0.8


def test_standard_deviation_of_the_draws_follows_the_design() -> None:
    # One split: users only, so s/√n. The same values on four splits: nested resamples users four times.
    part = np.random.default_rng(0).normal(size=400)
    plain = part.std() / np.sqrt(400)
    for values, shared_users, expected in (
        ([part], False, plain),
        ([part], True, plain),
        ([part] * 4, False, plain / 2),
        ([part] * 4, True, plain),
    ):
        draws = Bootstrap({"a": values}, 0, shared_users).draws(lambda mean: mean["a"])
        assert draws.shape == (10_000,)
        assert draws.std() == pytest.approx(expected, rel=0.04)
    # Constant within a split: splits only, so s/√S.
    flat = [np.full(7, value) for value in (0.1, 0.4, 0.5, 0.8)]
    for shared_users in (False, True):
        draws = Bootstrap({"a": flat}, 0, shared_users).draws(lambda mean: mean["a"])
        assert draws.std() == pytest.approx(np.std([0.1, 0.4, 0.5, 0.8]) / 2, rel=0.04)


def test_every_split_counts_the_same_whatever_its_size() -> None:
    values = {"a": [np.array([1.0]), np.array([0.0, 0.0, 0.0])]}
    boot = Bootstrap(values, 0)
    assert boot.mean("a").value == 0.5
    assert boot.split_means["a"].tolist() == [1.0, 0.0]
    share = np.bincount((boot.draws(lambda mean: mean["a"]) * 2).astype(int), minlength=3) / 10_000
    np.testing.assert_allclose(share, [0.25, 0.5, 0.25], atol=0.02)


@pytest.mark.parametrize("shared_users", [False, True])
def test_arms_are_paired(shared_users: bool) -> None:
    base = simulate(1, splits=4, users=50, between=0.1, shared=0.3, noise=0.2, effect=2.0)
    others = {f"other{n}": simulate(n, 4, 50, 0.1, 0.3, 0.2, 2.0) for n in range(2, 9)}
    copy = [part.copy() for part in base]
    raised = [part + 0.5 for part in base]
    boot = Bootstrap({"base": base, **others, "copy": copy, "raised": raised}, 0, shared_users)
    assert boot.difference("base", "copy") == Estimate(0.0, 0.0, 0.0, 1.0)
    assert boot.ratio("base", "copy") == Estimate(1.0, 1.0, 1.0, 1.0)
    shift = boot.difference("raised", "base")
    assert [shift.value, shift.low, shift.high] == pytest.approx([0.5] * 3)
    assert shift.p == pytest.approx(2 / 10_001)
    spread = boot.mean("base")
    assert spread.high - spread.low > 0.05


def test_ratios_are_formed_inside_each_draw() -> None:
    large = simulate(1, splits=6, users=60, between=0.5, shared=0.0, noise=0.2, effect=3.0)
    small = [0.9 * part for part in large]
    boot = Bootstrap({"small": small, "large": large}, 0)
    ratio = boot.ratio("small", "large")
    assert [ratio.value, ratio.low, ratio.high] == pytest.approx([0.9] * 3)
    assert boot.ratio("small", "large", threshold=0.85).p == pytest.approx(1 / 10_001)
    assert boot.ratio("small", "large", threshold=0.95).p == 1.0


def test_any_statistic_and_its_p_values() -> None:
    generator = np.random.default_rng(5)
    values = {name: [generator.normal(mean, 1, 200) for _ in range(5)] for name, mean in
              (("low", 1.0), ("mid", 1.6), ("high", 2.0))}  # fmt: skip
    boot = Bootstrap(values, 0)
    means = {name: np.mean([part.mean() for part in parts]) for name, parts in values.items()}
    closed = boot.estimate(lambda mean: (mean["mid"] - mean["low"]) / (mean["high"] - mean["low"]))
    assert closed.value == pytest.approx((means["mid"] - means["low"]) / (means["high"] - means["low"]))
    assert closed.low < closed.value < closed.high
    assert closed.p is None
    share = boot.share("high", "low", threshold=0.0)
    assert share.value == pytest.approx(1 - means["low"] / means["high"])
    assert share.low < share.value < share.high
    assert boot.mean("low").p is None
    draws = boot.draws(lambda mean: mean["mid"] - mean["low"])
    at = float(np.quantile(draws, 0.1))
    assert boot.difference("mid", "low", threshold=at).p == pytest.approx(0.1, abs=1e-3)
    same = Bootstrap({"a": values["low"], "b": [generator.normal(1.0, 1, 200) for _ in range(5)]}, 0)
    assert same.difference("a", "b").p > 0.05
    assert same.difference("a", "b").p == pytest.approx(same.difference("b", "a").p)


def test_the_seed_decides_the_draws() -> None:
    values = {"a": simulate(1, 3, 30, 0.1, 0.1, 0.1)}
    assert Bootstrap(values, 1).mean("a") == Bootstrap(values, 1).mean("a")
    assert Bootstrap(values, 1).mean("a") != Bootstrap(values, 2).mean("a")


@pytest.mark.parametrize(
    ("values", "shared_users", "message"),
    [
        ({}, False, "at least one user on at least one split"),
        ({"a": []}, False, "at least one user on at least one split"),
        ({"a": [np.array([])]}, False, "at least one user on at least one split"),
        ({"a": [np.ones(3)], "b": [np.ones(2)]}, False, r"a has \[3\], b has \[2\]"),
        ({"a": [np.ones(3)], "b": [np.ones(3)] * 2}, False, r"a has \[3\], b has \[3, 3\]"),
        ({"a": [np.array([1.0, np.nan])]}, False, "arm a has 1 NaN values"),
        ({"a": [np.ones(3), np.ones(2)]}, True, r"splits of one size, got \[3, 2\]"),
    ],
)
def test_values_that_are_not_paired_are_refused(values: dict, shared_users: bool, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Bootstrap(values, 0, shared_users)


def test_a_ratio_to_zero_is_refused() -> None:
    boot = Bootstrap({"a": [np.ones(3)], "b": [np.zeros(3)]}, 0)
    with pytest.raises(ValueError, match="not finite in 10000 of 10000 draws"):
        boot.ratio("a", "b")
