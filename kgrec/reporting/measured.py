"""What the runs of a study measured: per-user values of all arms, paired, and their intervals."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import polars as pl

from kgrec.errors import InputError
from kgrec.evaluation.bootstrap import Bootstrap, Estimate
from kgrec.reporting.run_folder import RunFolder
from kgrec.shapes import BoolArray, FloatArray

BOOTSTRAP_SEED = 0
POOLED = "all rows"
"""Stands for a user where a metric has one value for all."""


class Measured:
    """Values of several metrics, of all arms on the same users of the same splits.

    A metric that a run has no values of users for, such as the AUC over all rows, counts as one value per
    split; its intervals resample splits alone.

    All metrics must rank the same candidates (``test/recall@10`` and ``test/ndcg@20`` do,
    ``test/cold/recall@10`` does not): a user either has a value in all of them or in none. Users without a
    value in a split are left out of it for all arms alike. Where an arm has several runs on a split, a
    user's value is the mean over them. An arm may lack the last splits: its mean is over those that it has,
    and it is compared with another arm on those that both have.

    Args:
        runs: arm → for each split its runs, one per draw of the arm.
        metrics: columns of ``per_user.parquet``.
        shared_users: see :class:`kgrec.evaluation.bootstrap.Bootstrap`.

    Raises:
        InputError: a run lacks a metric, or was evaluated for other users than its siblings.
    """

    def __init__(
        self, runs: Mapping[str, Sequence[Sequence[RunFolder]]], metrics: Sequence[str], shared_users: bool
    ) -> None:
        self.arms, self.metrics = tuple(runs), tuple(metrics)
        self._shared_users = shared_users
        tables = {
            arm: [{run: _table(run, metrics) for run in draws} for draws in splits]
            for arm, splits in runs.items()
        }
        most = max(tables.values(), key=len)
        first = [next(iter(draws.values())) for draws in most]
        has_value = [table[self.metrics[0]].is_not_nan().to_numpy() for table in first]
        self._users = [table["user"].to_numpy()[mask] for table, mask in zip(first, has_value, strict=True)]
        self._values = {
            (arm, metric): [
                np.mean([_paired(run, table, metric, mask, users) for run, table in draws.items()], axis=0)
                for draws, mask, users in zip(tables[arm], has_value, self._users, strict=False)
            ]
            for arm in self.arms
            for metric in self.metrics
        }
        self._bootstraps: dict[int, Bootstrap] = {}

    def num_splits(self, *arms: str) -> int:
        """Splits that all these arms have."""
        return min(len(self._values[arm, self.metrics[0]]) for arm in arms)

    def users(self, *arms: str) -> list[np.ndarray]:
        """``[n_s]`` users of each split that all these arms have."""
        return self._users[: self.num_splits(*arms)]

    @property
    def is_pooled(self) -> bool:
        """Whether the metrics have one value per split, and none per user."""
        return all(users.tolist() == [POOLED] for users in self._users)

    def values(self, arm: str, metric: str) -> list[FloatArray]:
        """``[n_s]`` for each split of the arm."""
        return self._values[arm, metric]

    def split_means(self, arm: str, metric: str) -> FloatArray:
        """``[S]`` the mean over users on each split of the arm."""
        return self._bootstrap(arm).split_means[_column(arm, metric)]

    def mean(self, arm: str, metric: str, threshold: float | None = None) -> Estimate:
        """Mean over users, then splits, with its interval; p, one-sided, only where there is a threshold."""
        return self._bootstrap(arm).mean(_column(arm, metric), threshold)

    def statistic(self, name: str, arms: Sequence[str], metric: str, threshold: float) -> Estimate:
        """A statistic of :class:`kgrec.study.Claim` of as many arms as it takes; p against the threshold.

        Raises:
            ValueError: it is not finite in every draw.
        """
        bootstrap = self._bootstrap(*arms)
        forms: dict[str, Callable[..., Estimate]] = {
            "mean": bootstrap.mean,
            "difference": bootstrap.difference,
            "ratio": bootstrap.ratio,
            "share": bootstrap.share,
            "closed": bootstrap.closed,
        }
        return forms[name](*(_column(arm, metric) for arm in arms), threshold=threshold)

    def contrast(self, weights: Mapping[str, float], metric: str) -> Estimate:
        """A weighted sum of the arms' means, e.g. ``{"a": 1, "b": -1}``; p two-sided against 0."""

        def weighted(mean: Mapping[str, FloatArray]) -> FloatArray:
            parts = [weight * mean[_column(arm, metric)] for arm, weight in weights.items()]
            return np.sum(parts, axis=0)

        return self._bootstrap(*weights).estimate(weighted, null=0.0)

    def _bootstrap(self, *arms: str) -> Bootstrap:
        """Of all arms that have the splits which these arms share."""
        num_splits = self.num_splits(*arms)
        if num_splits not in self._bootstraps:
            values = {
                _column(*pair): parts[:num_splits]
                for pair, parts in self._values.items()
                if len(parts) >= num_splits
            }
            self._bootstraps[num_splits] = Bootstrap(values, BOOTSTRAP_SEED, self._shared_users)
        return self._bootstraps[num_splits]


def _column(arm: str, metric: str) -> str:
    return f"{arm} {metric}"


def _table(run: RunFolder, metrics: Sequence[str]) -> pl.DataFrame:
    table = run.read_per_user()
    missing = [metric for metric in metrics if metric not in table.columns]
    if not missing:
        return table.select("user", *metrics)
    summary = run.read_summary() if run.is_finished else {}
    if any(summary.get(metric) is None for metric in metrics):
        raise InputError(f"{run.path}: has no values of {missing[0]}; has {', '.join(table.columns)}")
    return pl.DataFrame({"user": [POOLED], **{metric: [float(summary[metric])] for metric in metrics}})


def _paired(
    run: RunFolder, table: pl.DataFrame, metric: str, mask: BoolArray, users: np.ndarray
) -> FloatArray:
    """The metric's values of the users that count."""
    values = table[metric].to_numpy()
    if len(table) != len(mask) or not np.array_equal(table["user"].to_numpy()[mask], users):
        raise InputError(
            f"{run.path}: evaluated for other users than the other arms, so they cannot be paired; where the "
            "data changed, delete it and run again"
        )
    if not np.array_equal(~np.isnan(values), mask):
        raise InputError(f"{run.path}: {metric} has values for other users than the other arms")
    return values[mask].astype(np.float64)
