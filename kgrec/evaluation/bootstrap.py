"""Paired hierarchical bootstrap over splits (or seeds) and users (design §11).

Every arm of a study is evaluated for the same users on the same splits. A draw resamples the splits, then
users, and takes the same users in all arms, so what the arms share cancels inside each draw; differences
and ratios are formed there. See Davison & Hinkley 1997, *Bootstrap Methods and their Application*, §3.8
(hierarchical data) and §5.3 (percentile intervals), https://doi.org/10.1017/CBO9780511802843.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from kgrec.seed import numpy_generator
from kgrec.shapes import FloatArray, IntArray

NUM_DRAWS = 10_000
LEVEL = 0.95
COUNTS_PER_CHUNK = 2_000_000
"""Resampling counts held at once; 16 MB each for the drawn ids, the counts and their float copy."""

Statistic: TypeAlias = Callable[[Mapping[str, FloatArray]], FloatArray]
"""Means of the arms → statistic, elementwise: each arm's array holds one mean per draw."""


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval.

    Attributes:
        value: the figure on the data itself.
        low, high: the interval.
        p: two-sided against "no effect", or one-sided against a threshold, as the maker says; ``None``
            where nothing is tested.
    """

    value: float
    low: float
    high: float
    p: float | None = None

    def exp(self) -> "Estimate":
        """The estimate of a log-ratio as an estimate of the ratio; p stays."""
        return Estimate(float(np.exp(self.value)), float(np.exp(self.low)), float(np.exp(self.high)), self.p)


class Bootstrap:
    """Draws of every arm's mean, ready for any number of comparisons.

    The mean of an arm is the mean over users, then over splits (each split counts the same, however many
    users it has). Intervals are the 2.5 % and 97.5 % quantiles of the draws.

    Two designs:

    - nested (``shared_users=False``, cold protocols): each drawn split has its users resampled anew. Item
      splits are the sample; users of two splits count as different people, so what is special to a user
      in every split is understated. Coverage of the interval with ten simulated splits: .90 where the
      variance between splits rules, .98 and more where that between users does.
    - crossed (``shared_users=True``, warm protocols, seeds in place of splits): all seeds rank the same
      users on the same split, so one resample of users serves all seeds of a draw; coverage .95 with five
      simulated seeds. Resampling users anew for each seed would divide the variance between users by the
      number of seeds, though seeds are no new people: coverage .60 in the same simulation.

    Args:
        values: arm → one array ``[n_s]`` per split of per-user values; user j of split s is the same in
            all arms.
        seed: seed of the draws.
        shared_users: user j is the same in all splits too.
        num_draws: bootstrap draws.

    Raises:
        ValueError: no arm or split, arms of different shape, NaN values, or splits of different sizes with
            ``shared_users``.
    """

    def __init__(
        self,
        values: Mapping[str, Sequence[FloatArray]],
        seed: int,
        shared_users: bool = False,
        num_draws: int = NUM_DRAWS,
    ) -> None:
        tables = _tables(values)
        self.arms = tuple(values)
        self.num_splits = len(tables)
        self.split_means: dict[str, FloatArray] = dict(
            zip(self.arms, np.stack([table.mean(axis=0) for table in tables]).T, strict=True)
        )
        generator = numpy_generator(seed, "bootstrap")
        # Equal arms share one column: a matrix product need not round equal columns equally.
        _, kept, column_of_arm = np.unique(
            np.concatenate(tables), axis=1, return_index=True, return_inverse=True
        )
        draw = _crossed_draws if shared_users else _nested_draws
        drawn = draw([table[:, kept] for table in tables], num_draws, generator)
        self._draws = dict(zip(self.arms, drawn[:, column_of_arm.ravel()].T, strict=True))

    def draws(self, statistic: Statistic) -> FloatArray:
        """The statistic in each draw: ``[num_draws]``."""
        return statistic(self._draws)

    def estimate(
        self, statistic: Statistic, null: float | None = None, threshold: float | None = None
    ) -> Estimate:
        """Value, interval and p of any statistic of the arms' means.

        Args:
            statistic: e.g. ``lambda mean: (mean["a"] - mean["b"]) / (mean["c"] - mean["b"])``.
            null: give the two-sided p of "the statistic equals null".
            threshold: give the one-sided p of "the statistic is at most threshold"; goes before ``null``.

        Raises:
            ValueError: the statistic is not finite in some draws (a mean of 0 in a denominator).
        """
        draws = self.draws(statistic)
        num_bad = int((~np.isfinite(draws)).sum())
        if num_bad:
            raise ValueError(f"the statistic is not finite in {num_bad} of {len(draws)} draws")
        value = statistic({arm: means.mean() for arm, means in self.split_means.items()})
        low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        return Estimate(float(value), float(low), float(high), _p_value(draws, null, threshold))

    def mean(self, arm: str, threshold: float | None = None) -> Estimate:
        """The mean of an arm; p, one-sided, only where there is a threshold."""
        return self.estimate(lambda mean: mean[arm], threshold=threshold)

    def difference(self, a: str, b: str, threshold: float | None = None) -> Estimate:
        """``mean(a) - mean(b)``; p two-sided against 0, or one-sided against the threshold."""
        return self.estimate(lambda mean: mean[a] - mean[b], null=0.0, threshold=threshold)

    def ratio(self, a: str, b: str, threshold: float | None = None) -> Estimate:
        """``mean(a) / mean(b)``; p two-sided against 1, or one-sided against the threshold."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.estimate(lambda mean: mean[a] / mean[b], null=1.0, threshold=threshold)

    def share(self, a: str, b: str, threshold: float | None = None) -> Estimate:
        """``1 - mean(b) / mean(a)``, the share of a's mean that b lacks; p one-sided."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.estimate(lambda mean: 1 - mean[b] / mean[a], threshold=threshold)

    def closed(self, a: str, b: str, c: str, threshold: float | None = None) -> Estimate:
        """``(mean(a) - mean(b)) / (mean(c) - mean(b))``, the share of the gap from b to c that a closes."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.estimate(
                lambda mean: (mean[a] - mean[b]) / (mean[c] - mean[b]), null=0.0, threshold=threshold
            )


def _tables(values: Mapping[str, Sequence[FloatArray]]) -> list[FloatArray]:
    """One table ``[n_s, A]`` per split."""
    lengths = {arm: [len(part) for part in parts] for arm, parts in values.items()}
    if not lengths or not all(lengths.values()) or not all(min(sizes) for sizes in lengths.values()):
        raise ValueError(f"every arm needs values of at least one user on at least one split, got {lengths}")
    first_arm, expected = next(iter(lengths.items()))
    for arm, found in lengths.items():
        if found != expected:
            raise ValueError(f"users per split differ: {first_arm} has {expected}, {arm} has {found}")
        num_nan = sum(int(np.isnan(part).sum()) for part in values[arm])
        if num_nan:
            raise ValueError(f"arm {arm} has {num_nan} NaN values; leave these users out of every arm")
    return [np.stack(parts, axis=1).astype(np.float64) for parts in zip(*values.values(), strict=True)]


def _nested_draws(tables: list[FloatArray], num_draws: int, generator: np.random.Generator) -> FloatArray:
    """Means ``[num_draws, A]``: splits drawn with replacement, users drawn anew in each drawn split."""
    num_splits = len(tables)
    split_of_slot = generator.integers(num_splits, size=num_draws * num_splits)
    slot_means = np.empty((len(split_of_slot), tables[0].shape[1]))
    for split, table in enumerate(tables):
        slots = np.flatnonzero(split_of_slot == split)
        for chunk, counts in _resampled_counts(len(slots), len(table), generator):
            slot_means[slots[chunk]] = counts @ table / len(table)
    return slot_means.reshape(num_draws, num_splits, -1).mean(axis=1)


def _crossed_draws(tables: list[FloatArray], num_draws: int, generator: np.random.Generator) -> FloatArray:
    """Means ``[num_draws, A]``: splits and users drawn with replacement, the same users in all splits."""
    if len({len(table) for table in tables}) > 1:
        raise ValueError(f"shared users need splits of one size, got {[len(table) for table in tables]}")
    num_splits, (num_users, num_arms) = len(tables), tables[0].shape
    side_by_side = np.concatenate(tables, axis=1)  # [n, S * A]
    split_counts = np.concatenate(
        [counts for _, counts in _resampled_counts(num_draws, num_splits, generator)]
    )
    drawn = np.empty((num_draws, num_arms))
    for chunk, counts in _resampled_counts(num_draws, num_users, generator):
        means = (counts @ side_by_side / num_users).reshape(-1, num_splits, num_arms)
        drawn[chunk] = np.einsum("ds,dsa->da", split_counts[chunk], means) / num_splits
    return drawn


def _resampled_counts(
    num_draws: int, size: int, generator: np.random.Generator
) -> Iterator[tuple[slice, FloatArray]]:
    """In chunks of draws: how often each of ``size`` units is drawn, ``[chunk, size]``, rows sum to size."""
    rows = max(1, COUNTS_PER_CHUNK // size)
    for start in range(0, num_draws, rows):
        num_rows = min(rows, num_draws - start)
        drawn: IntArray = generator.integers(size, size=(num_rows, size))
        drawn += size * np.arange(num_rows)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=num_rows * size).reshape(num_rows, size)
        yield slice(start, start + num_rows), counts.astype(np.float64)


def _p_value(draws: FloatArray, null: float | None, threshold: float | None) -> float | None:
    """Bootstrap p with the data counted as one draw, so it is never 0."""
    if threshold is not None:
        return float((1 + np.sum(draws <= threshold)) / (1 + len(draws)))
    if null is not None:
        tail = min(np.sum(draws <= null), np.sum(draws >= null))
        return float(min(1.0, 2 * (1 + tail) / (1 + len(draws))))
    return None
