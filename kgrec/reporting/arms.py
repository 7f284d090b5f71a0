"""Arms of a comparison: the runs of one setting by seed, paired with those of another user by user."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kgrec.errors import InputError
from kgrec.reporting.compare import LOWER_IS_BETTER, Runs
from kgrec.reporting.measured import Measured
from kgrec.reporting.run_folder import RunFolder

DIGEST = "protocol/data_sha256"
SPLIT = "protocol/split"
PROTOCOL = (SPLIT, "protocol/candidates", "protocol/masked", "protocol/dataset")
"""What must be the same for figures to be compared at all."""


@dataclass(frozen=True)
class RunArm:
    """The runs of one setting.

    Attributes:
        name: its settings in words, e.g. ``lm=minilm_l1 kg=full``.
        settings: key of :attr:`Runs.keys` → value.
        runs: seed → its runs; several where one seed was run in several groups.
    """

    name: str
    settings: dict[str, Any]
    runs: dict[int, list[RunFolder]]


def arms_of(runs: Runs) -> list[RunArm]:
    """The arms, in the order of their first run."""
    keys = runs.keys
    arms: dict[str, RunArm] = {}
    for row, folder in zip(runs.table.iter_rows(named=True), runs.folders, strict=True):
        settings = {key: row[key] for key in keys}
        name = " ".join(f"{short(key)}={value}" for key, value in settings.items())
        arm = arms.setdefault(name, RunArm(name, settings, {}))
        arm.runs.setdefault(int(row["seed"] or 0), []).append(folder)
    return list(arms.values())


def short(key: str) -> str:
    """``choices.lm`` as on the command line: ``lm``."""
    return key.removeprefix("choices.")


def reference_of(arms: Sequence[RunArm], metric: str, wanted: str | None) -> RunArm:
    """The arm that the others are compared with: of those of these settings the best on average.

    Args:
        arms: all of them.
        metric: the key of the summaries that tells which is best.
        wanted: e.g. ``lm=minilm_l6 kg=none``; ``None`` = any.

    Raises:
        InputError: a malformed setting, or no arm of these settings that has the metric.
    """
    asked = [word.partition("=") for word in re.split(r"[\s,]+", wanted or "") if word]
    for key, sign, _ in asked:
        if not sign:
            raise InputError(f"--reference: found {key!r}, expected settings such as lm=minilm_l6")
    fitting = [
        arm
        for arm in arms
        if all(
            {short(name): str(found) for name, found in arm.settings.items()}.get(short(key)) == value
            for key, _, value in asked
        )
    ]
    if not fitting:
        names = "; ".join(arm.name for arm in arms)
        raise InputError(f"--reference {wanted}: found no such arm, expected settings of one of: {names}")
    means = {arm.name: _mean(arm, metric) for arm in fitting}
    known = [arm for arm in fitting if means[arm.name] is not None]
    if not known:
        raise InputError(f"{metric}: found in no run of {'; '.join(arm.name for arm in fitting)}")
    sign = -1.0 if metric.startswith(LOWER_IS_BETTER) else 1.0
    return max(known, key=lambda arm: sign * (means[arm.name] or 0.0))


def common_seeds(*arms: RunArm) -> list[int]:
    """Seeds that all of these arms were run with."""
    return sorted(set.intersection(*(set(arm.runs) for arm in arms)))


def measure(arms: Sequence[RunArm], seeds: Sequence[int], metric: str) -> Measured:
    """Values of the arms on these seeds, paired; where seeds share the split, users are resampled once.

    Raises:
        InputError: a run lacks the metric, or was evaluated for other users than the other arms.
    """
    splits = [arms[0].runs[seed][0].read_summary() for seed in seeds]
    digests = {split.get(DIGEST) for split in splits}
    shared = len(digests) == 1 and (None not in digests or splits[0].get(SPLIT) == "given")
    return Measured(
        {arm.name: [arm.runs[seed] for seed in seeds] for arm in arms}, [metric], shared_users=shared
    )


def check_same_protocol(runs: Runs) -> list[str]:
    """Sentences that warn of figures which are no like for like."""
    different = [key for key in PROTOCOL if key in runs.values and runs.table[key].n_unique() > 1]
    return [
        f"Not like for like: {key.removeprefix('protocol/')} is "
        f"{', '.join(map(str, runs.table[key].unique(maintain_order=True)))}."
        for key in different
    ]


def _mean(arm: RunArm, metric: str) -> float | None:
    values = [run.read_summary().get(metric) for runs in arm.runs.values() for run in runs]
    numbers = [float(value) for value in values if value is not None]
    return sum(numbers) / len(numbers) if numbers else None
