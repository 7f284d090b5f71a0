"""What the runs of a study measured: per-user values of all arms, paired, and their intervals."""

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
import polars as pl

from kgrec.errors import InputError
from kgrec.evaluation.bootstrap import Bootstrap, Estimate
from kgrec.reporting.run_folder import RunFolder
from kgrec.shapes import BoolArray, FloatArray

BOOTSTRAP_SEED = 0


class Measured:
    """Values of several metrics, of all arms on the same users of the same splits.

    All metrics must rank the same candidates (``test/recall@10`` and ``test/ndcg@20`` do,
    ``test/cold/recall@10`` does not): a user either has a value in all of them or in none. Users without a
    value in a split are left out of it for all arms alike. Where an arm has several runs on a split, a
    user's value is the mean over them.

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
        first = [next(iter(draws.values())) for draws in tables[self.arms[0]]]
        has_value = [table[self.metrics[0]].is_not_nan().to_numpy() for table in first]
        self.users = [table["user"].to_numpy()[mask] for table, mask in zip(first, has_value, strict=True)]
        self._values = {
            (arm, metric): [
                np.mean([_paired(run, table, metric, mask, users) for run, table in draws.items()], axis=0)
                for draws, mask, users in zip(tables[arm], has_value, self.users, strict=True)
            ]
            for arm in self.arms
            for metric in self.metrics
        }

    def values(self, arm: str, metric: str) -> list[FloatArray]:
        """``[n_s]`` for each split."""
        return self._values[arm, metric]

    def split_means(self, arm: str, metric: str) -> FloatArray:
        """``[S]`` the mean over users on each split."""
        return self._bootstrap.split_means[_column(arm, metric)]

    def mean(self, arm: str, metric: str) -> Estimate:
        """Mean over users, then splits, with its interval."""
        return self._bootstrap.mean(_column(arm, metric))

    def compare(self, statistic: str, arm: str, than: str, metric: str, threshold: float) -> Estimate:
        """``difference`` or ``ratio`` of two arms; p is one-sided against the threshold.

        Raises:
            ValueError: the ratio is not finite in every draw.
        """
        form = {"difference": self._bootstrap.difference, "ratio": self._bootstrap.ratio}[statistic]
        return form(_column(arm, metric), _column(than, metric), threshold=threshold)

    @cached_property
    def _bootstrap(self) -> Bootstrap:
        values = {_column(*pair): parts for pair, parts in self._values.items()}
        return Bootstrap(values, BOOTSTRAP_SEED, self._shared_users)


def _column(arm: str, metric: str) -> str:
    return f"{arm} {metric}"


def _table(run: RunFolder, metrics: Sequence[str]) -> pl.DataFrame:
    table = run.read_per_user()
    if missing := [metric for metric in metrics if metric not in table.columns]:
        raise InputError(f"{run.path}: has no values of {missing[0]}; has {', '.join(table.columns)}")
    return table.select("user", *metrics)


def _paired(
    run: RunFolder, table: pl.DataFrame, metric: str, mask: BoolArray, users: np.ndarray
) -> FloatArray:
    """The metric's values of the users that count."""
    values = table[metric].to_numpy()
    if len(table) != len(mask) or not np.array_equal(table["user"].to_numpy()[mask], users):
        raise InputError(
            f"{run.path}: evaluated for other users than the other arms; delete it and run again"
        )
    if not np.array_equal(~np.isnan(values), mask):
        raise InputError(f"{run.path}: {metric} has values for other users than the other arms")
    return values[mask].astype(np.float64)
