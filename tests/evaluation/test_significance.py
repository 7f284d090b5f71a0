import numpy as np
import pytest
from scipy import stats

from kgrec.evaluation.significance import Estimate, claim_status, holm, nadeau_bengio, wilcoxon_p


def test_nadeau_bengio_by_hand() -> None:
    # Mean .03, s² = ((.02)² + (.01)² + 0 + (.01)² + (.02)²) / 4 = .00025. Ratio .25: variance of the mean
    # (1/5 + 1/4) · .00025 = .0001125, error .0106066; t(4) at 97.5 % = 2.776445; half width .0294487.
    estimate = nadeau_bengio(np.array([0.01, 0.02, 0.03, 0.04, 0.05]), test_to_train=0.25)
    assert estimate.value == pytest.approx(0.03)
    assert estimate.low == pytest.approx(0.03 - 0.0294487, abs=1e-6)
    assert estimate.high == pytest.approx(0.03 + 0.0294487, abs=1e-6)
    # t = .03 / .0106066 = 2.828427. For 4 degrees of freedom P(|T| < t) = √q · (3 - q) / 2 with
    # q = t² / (4 + t²), here 8 / 12.
    assert estimate.p == pytest.approx(1 - np.sqrt(2 / 3) * (3 - 2 / 3) / 2)


def test_nadeau_bengio_is_wider_than_the_plain_t_interval() -> None:
    values = np.array([0.1, 0.3, 0.2, 0.25])
    plain = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    barely = nadeau_bengio(values, test_to_train=1e-12)
    assert (barely.low, barely.high) == pytest.approx((plain.low, plain.high))
    assert nadeau_bengio(values, 0.5).low < plain.low


def test_nadeau_bengio_covers_the_truth_where_the_plain_interval_does_not() -> None:
    # Splits that share half of their variance: corr = .5 asks for n_test / n_train = corr / (1 - corr) = 1.
    generator = np.random.default_rng(0)
    covered = {0.001: 0, 1.0: 0}
    for _ in range(1000):
        values = generator.normal(0, 1) + generator.normal(0, 1, 10)
        for ratio in covered:
            estimate = nadeau_bengio(values, ratio)
            covered[ratio] += estimate.low <= 0 <= estimate.high
    assert covered[1.0] / 1000 == pytest.approx(0.95, abs=0.025)
    assert covered[0.001] / 1000 < 0.6


def test_nadeau_bengio_against_a_threshold_and_of_log_ratios() -> None:
    values = np.log([0.97, 0.99, 1.01, 1.0])
    one_sided = nadeau_bengio(values, 0.25, threshold=np.log(0.9))
    two_sided = nadeau_bengio(values - np.log(0.9), 0.25)
    assert one_sided.p == pytest.approx(two_sided.p / 2)
    assert nadeau_bengio(values, 0.25, threshold=np.log(1.1)).p > 0.99
    ratio = one_sided.exp()
    assert ratio.value == pytest.approx(np.prod([0.97, 0.99, 1.01, 1.0]) ** 0.25)
    assert ratio.low == pytest.approx(np.exp(one_sided.low))
    assert ratio.high == pytest.approx(np.exp(one_sided.high))
    assert ratio.p == one_sided.p


def test_nadeau_bengio_of_equal_values() -> None:
    assert nadeau_bengio(np.zeros(3), 0.25) == Estimate(0.0, 0.0, 0.0, 1.0)
    assert nadeau_bengio(np.full(4, 0.5), 0.25) == Estimate(0.5, 0.5, 0.5, 0.0)
    assert nadeau_bengio(np.full(4, 0.5), 0.25, threshold=0.75).p == 1.0


@pytest.mark.parametrize(
    ("values", "ratio", "message"),
    [([0.1], 0.25, "at least two splits"), ([0.1, np.nan], 0.25, "finite"), ([0.1, 0.2], 0.0, "positive")],
)
def test_nadeau_bengio_refuses(values: list[float], ratio: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        nadeau_bengio(np.array(values), ratio)


def test_wilcoxon_by_hand() -> None:
    # Five users, all better by distinct amounts: W- = 0, exact two-sided p = 2 / 2^5.
    users, zeros = [np.arange(5)], [np.zeros(5)]
    assert wilcoxon_p(users, [np.array([1.0, 2.0, 3.0, 4.0, 5.0])], zeros) == pytest.approx(2 / 32)
    # The smallest one worse: of the 32 sign patterns two have W- <= 1, so p = 2 · 2 / 32.
    assert wilcoxon_p(users, [np.array([-1.0, 2.0, 3.0, 4.0, 5.0])], zeros) == pytest.approx(4 / 32)


def test_wilcoxon_averages_each_user_over_the_splits_that_have_them() -> None:
    # User 7 occurs in both splits: (4 - 2) / 2 = 1. User 9 evens out to no difference and is left out.
    users = [np.array([7, 3, 9]), np.array([9, 5, 7, 1, 2])]
    a = [np.array([4.0, 2.0, 1.0]), np.array([0.0, 3.0, 0.0, 4.0, 5.0])]
    b = [np.array([0.0, 0.0, 0.0]), np.array([1.0, 0.0, 2.0, 0.0, 0.0])]
    assert wilcoxon_p(users, a, b) == pytest.approx(2 / 32)


def test_wilcoxon_of_equal_arms_is_one() -> None:
    assert wilcoxon_p([np.arange(3)], [np.ones(3)], [np.ones(3)]) == 1.0


def test_holm_by_hand() -> None:
    # Sorted .005 .01 .03 .04: times 4 3 2 1 = .02 .03 .06 .04; the last may not fall below .06.
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(holm([0.6, 0.9]), [1.0, 1.0])
    assert holm([0.2]).tolist() == [0.2]
    assert holm([]).tolist() == []
    for bad in (1.2, -0.1, np.nan):
        with pytest.raises(ValueError, match="must lie in"):
            holm([0.5, bad])


@pytest.mark.parametrize(
    ("low", "threshold", "num_splits", "status", "provisional"),
    [
        (0.98, 0.97, 10, "holds", False),
        (0.96, 0.97, 10, "fails", False),  # the value .99 passes, its bound does not
        (0.97, 0.97, 10, "fails", False),  # equal arms: a degenerate interval proves nothing
        (0.98, 0.97, 3, "holds", True),
        (0.96, 0.97, 9, "fails", True),
        (0.98, 0.97, 1, "holds", True),
        (float("nan"), 0.97, 10, "not_testable", False),
        (float("nan"), 0.97, 3, "not_testable", False),
    ],
)
def test_claim_status(low: float, threshold: float, num_splits: int, status: str, provisional: bool) -> None:
    verdict = claim_status(Estimate(0.99, low, 1.01), threshold, num_splits)
    assert (verdict.status, verdict.provisional) == (status, provisional)


def test_a_missing_arm_is_not_testable_and_seeds_need_fewer() -> None:
    assert claim_status(None, 0.97, 10).status == "not_testable"
    assert claim_status(Estimate(0.99, 0.98, 1.0), 0.97, 5, min_splits=5).status == "holds"
