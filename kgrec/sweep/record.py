"""A sweep as a table, and as the record that stands behind a tuned arm of a study."""

import datetime
import json
from collections import Counter
from dataclasses import asdict
from typing import Any

from kgrec.errors import InputError
from kgrec.reporting.tables import Cell, Table, Value
from kgrec.studies.progress import duration
from kgrec.sweep.study import SweepStudy
from kgrec.sweep.trial import Trial


def trials_table(study: SweepStudy, in_full: bool) -> Table:
    """One row per trial, one column per setting that is searched; the best value is marked.

    Args:
        study: of the sweep.
        in_full: with all digits of what was drawn and measured.
    """
    trials = study.trials()
    best = study.best(trials)
    keys = [parameter["key"] for parameter in study.facts["parameters"]]
    rows: list[list[Value | Cell]] = []
    for trial in trials:
        params = dict(param.split("=", 1) for param in trial.params)
        facts: list[Value | Cell] = [trial.number, trial.state, Cell(trial.value, best=trial == best)]
        values = [_shown(params[key], in_full) if params else "default" for key in keys]
        seconds = trial.seconds if in_full else f"{trial.seconds:.1f}"
        rows.append([*facts, trial.epochs, seconds, *values, trial.run, trial.error])
    metric = study.facts["metric"]
    return Table(["trial", "state", metric, "epochs", "seconds", *keys, "run", "error"], rows)


def summary_lines(study: SweepStudy) -> list[str]:
    """What a reader wants to know first: what was spent, which trial is best, what mattered."""
    trials, facts = study.trials(), study.facts
    count = Counter(trial.state for trial in trials)
    used = duration(sum(trial.seconds for trial in trials))
    budget = facts["budget"]
    states = ", ".join(f"{number} {state}" for state, number in count.items()) or "none"
    lines = [
        f"trials: {states}, of {budget['trials']}; {used} of {duration(60 * budget['minutes'])} used",
        "pruning: " + ", ".join(f"{key} {value}" for key, value in facts["pruning"].items()),
    ]
    best = study.best(trials)
    if best is not None:
        lines.append(f"best: trial {best.number}, {facts['metric']} = {best.value:.4f}")
    if shares := study.importances():
        lines.append("importance: " + ", ".join(f"{key} {share:.2f}" for key, share in shares.items()))
    return lines


def record(study: SweepStudy) -> dict[str, Any]:
    """All that is known of a sweep, as JSON types.

    Raises:
        InputError: no trial is done.
    """
    trials, facts = study.trials(), study.facts
    best = best_of(study)
    return {
        "command": facts["command"],
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "commit": facts["commit"],
        "uncommitted_changes": facts["uncommitted_changes"],
        "metric": facts["metric"],
        "budget": facts["budget"],
        "pruning": facts["pruning"],
        "used": {"trials": len(trials), "seconds": sum(trial.seconds for trial in trials)},
        "best": {**asdict(best), "overrides": study.overrides_of(best)},
        "trials": [asdict(trial) for trial in trials],
        **{part: facts[part] for part in ("search", "parameters", "settings", "seed")},
    }


def as_json(study: SweepStudy) -> bytes:
    """The record as a file of ``experiments/results/tuning``."""
    return (json.dumps(record(study), indent=2, allow_nan=False) + "\n").encode()


def best_of(study: SweepStudy) -> Trial:
    """The best trial.

    Raises:
        InputError: no trial is done.
    """
    best = study.best(study.trials())
    if best is None:
        raise InputError(f"{study.file}: no trial is done yet")
    return best


def _shown(value: str, in_full: bool) -> str:
    """A drawn value, short enough for a terminal unless wanted in full."""
    if in_full:
        return value
    try:
        number = json.loads(value)
    except ValueError:
        return value
    return f"{number:.4g}" if isinstance(number, float) else value
