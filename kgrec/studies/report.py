"""From finished trials to the report of a study: plain values, ready for JSON."""

import datetime
import json
from collections.abc import Mapping, Sequence
from itertools import chain
from statistics import fmean, stdev
from types import MappingProxyType
from typing import Any

from kgrec.reporting.measured import Measured
from kgrec.reporting.run_folder import RunFolder
from kgrec.studies.claims import judge_claims
from kgrec.studies.fronts import judge_fronts
from kgrec.studies.plan import Trial
from kgrec.study import Study

Report = dict[str, Any]

STATED_OPTIONS = ("model", "lm", "kg", "gnn", "fusion")
"""Config groups whose option each row states."""


def make_report(
    study: Study,
    trials: Sequence[Trial],
    seeds: Sequence[int],
    command: str,
    costs: Mapping[str, Mapping[str, float]] = MappingProxyType({}),
) -> Report:
    """Rows, claims, and how they came about.

    Only arms with a finished run on each of their splits are in it: all of the study's, or the first few for
    an arm that says so.

    Args:
        study: arms, metrics, claims.
        trials: all that were planned.
        seeds: of the splits, in the order of ``per_seed``.
        command: by which the report can be made again.
        costs: arm → costs of a new item, where they were measured.

    Raises:
        InputError: run folders that do not belong together or cannot be read.
    """
    complete = _complete(study, trials, seeds)
    runs = {arm: [[trial.result for trial in draws] for draws in row] for arm, row in complete.items()}
    measured = _measure(study, runs) if runs else {}
    rows = [{**_row(study, [*chain(*row)], measured), **costs.get(arm, {})} for arm, row in complete.items()]
    return {
        "study": study.name,
        "question": study.question,
        "primary": study.primary,
        **({"curve": study.curve} if study.curve else {}),
        "command": command,
        **_code([run for row in runs.values() for draws in row for run in draws]),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "seeds": list(seeds),
        "provisional": len(seeds) < study.min_splits,
        "notes": list(study.notes),
        "rows": rows,
        "references": {name: published.record() for name, published in study.references.items()},
        "claims": [*judge_claims(study, measured), *judge_fronts(study, rows)],
        "incomplete": [
            arm for arm in dict.fromkeys(trial.arm.name for trial in trials) if arm not in complete
        ],
    }


def _code(runs: Sequence[RunFolder]) -> Report:
    """The commit of the code that made the runs; several where it changed between them."""
    states = [json.loads((run.path / "env.json").read_text())["git"] or {} for run in runs]
    commits = sorted({state["commit"] for state in states if state})
    changed = any(state.get("dirty") for state in states)
    return {"commit": ", ".join(commits) or None, "uncommitted_changes": changed}


def _complete(study: Study, trials: Sequence[Trial], seeds: Sequence[int]) -> dict[str, list[list[Trial]]]:
    """Arm → for each of its seeds its trials, one per draw, for arms that are finished on all of them."""
    by_arm = {arm.name: [trial for trial in trials if trial.arm.name == arm.name] for arm in study.arms}
    return {
        arm: [[trial for trial in own if trial.seed == seed] for seed in seeds[: own[0].arm.seeds]]
        for arm, own in by_arm.items()
        if own and all(not trial.to_run() for trial in own)
    }


def _measure(study: Study, runs: Mapping[str, Sequence[Sequence[RunFolder]]]) -> dict[str, Measured]:
    """Metric → what was measured; metrics of the same candidates share one bootstrap."""
    by_candidates: dict[str, list[str]] = {}
    for metric in study.metrics:
        by_candidates.setdefault(metric.rpartition("/")[0], []).append(metric)
    measured: dict[str, Measured] = {}
    for metrics in by_candidates.values():
        together = Measured(runs, metrics, shared_users=study.sample == "seeds")
        measured |= dict.fromkeys(metrics, together)
    return measured


def _row(study: Study, trials: Sequence[Trial], measured: Mapping[str, Measured]) -> Report:
    """One arm: its trials split by split, and of each split draw by draw, as in ``chosen`` and ``runs``."""
    arm = trials[0].arm
    runs = [trial.result for trial in trials]
    summaries = [run.read_summary() for run in runs]
    stated = {key: value for key, value in summaries[0].items() if key.startswith("protocol/")}
    metrics = {metric: _metric(measured[metric], arm.name, metric) for metric in study.metrics}
    means = {metric: values["mean"] for metric, values in metrics.items()}
    return {
        "dataset": stated.pop("protocol/dataset"),
        "protocol": {
            key.removeprefix("protocol/"): value
            for key, value in stated.items()
            if all(summary[key] == value for summary in summaries)  # what a split decides is none
        },
        "arm": arm.name,
        "series": arm.series,
        "label": arm.label,
        **({} if arm.place is None else {"place": arm.place}),
        **{group: trials[0].finals[0].settings.choices[group] for group in STATED_OPTIONS},
        "settings": [*study.common, *arm.overrides],
        "draws": [" ".join(draw) for draw in arm.draws] if len(arm.draws) > 1 else [],
        "chosen": [" ".join(arm.choices[trial.chosen()]) for trial in trials] if trials[0].candidates else [],
        "seeds": list(dict.fromkeys(trial.seed for trial in trials)),
        "tuning": arm.tuning or None,
        "metrics": metrics,
        "published": {**arm.published.record(), "beside": arm.published.beside(means)}
        if arm.published
        else None,
        **_costs(summaries),
        "runs": [run.name for run in runs],
    }


def _metric(measured: Measured, arm: str, metric: str) -> Report:
    estimate = measured.mean(arm, metric)
    per_seed = measured.split_means(arm, metric).tolist()
    return {
        "mean": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "sd": stdev(per_seed) if len(per_seed) > 1 else None,
        "per_seed": per_seed,
    }


def _costs(summaries: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Mean over splits and draws of each cost that all runs state."""
    keys = [key for key in summaries[0] if all(summary.get(key) is not None for summary in summaries)]
    return {key: fmean(row[key] for row in summaries) for key in keys if key.startswith("cost/")}
