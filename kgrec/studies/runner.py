"""A study from its file to its report."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kgrec.evaluation.cost import peak_rss_mb
from kgrec.reporting.run_folder import RunFolder
from kgrec.studies import page
from kgrec.studies.before import make_ready
from kgrec.studies.deployed import deployed_costs
from kgrec.studies.kept import KeptRuns
from kgrec.studies.pictures import plot
from kgrec.studies.plan import Trial, plan
from kgrec.studies.pool import Failure, run_trials
from kgrec.studies.report import Report, make_report
from kgrec.studies.texts import encode_texts
from kgrec.study import Study


@dataclass(frozen=True)
class Outcome:
    """What a study came to.

    Attributes:
        report: see :func:`kgrec.studies.report.make_report`.
        folder: where report, table, plot and runs lie.
        failures: jobs that failed.
        seconds: wall time of this start.
        peak_mb: peak resident memory, summed over the processes: an upper bound of that of all at a time.
    """

    report: Report
    folder: Path
    failures: tuple[Failure, ...]
    seconds: float
    peak_mb: float


def reproduce(
    study: Study,
    only: Sequence[str],
    num_splits: int,
    overrides: Sequence[str],
    num_workers: int,
    command: str,
    kept: Path | None = None,
) -> Outcome:
    """Run what is unfinished of a study and report on all of it.

    With the override ``test=false`` nothing looks at test, and the report is about validation.

    Args:
        study: arms and claims.
        only: names of the arms to run; empty = all.
        num_splits: splits (seeds ``0 … n-1``).
        overrides: settings for all arms.
        num_workers: processes.
        command: by which this can be done again.
        kept: folder of finished runs, see :class:`kgrec.studies.kept.KeptRuns`: those in it are not run
            again, new ones are added as they end.

    Raises:
        kgrec.errors.InputError: a wrong setting, or run folders that cannot be read or written.
    """
    started = time.perf_counter()
    seeds = range(num_splits)
    trials = plan(study, study.arms_named(only), seeds, overrides)
    shown = study if trials[0].finals[0].settings.test else study.on_validation()
    metrics = (*study.metrics, *study.on_validation().metrics)  # choices are compared on the latter
    store = None if kept is None else KeptRuns(kept, metrics)
    if store is not None:
        for trial in trials:
            store.give_back(trial)
            store.keep(trial)
    make_ready(trials, num_workers)
    encode_texts(job.cfg for trial in trials for job in trial.to_run())
    pool = run_trials(trials, num_workers, None if store is None else store.keep)
    folders = [trials[0].finals[0].run.path.parent, *([] if kept is None else [kept])]
    costs = deployed_costs(shown, trials, folders)
    report = make_report(shown, trials, seeds, command, costs)
    folder = _write(report, study, trials)
    peak = peak_rss_mb() + sum(pool.peak_mb.values())
    return Outcome(report, folder, tuple(pool.failures), time.perf_counter() - started, peak)


def _write(report: Report, study: Study, trials: Sequence[Trial]) -> Path:
    """Report, table and plot, beside the runs."""
    folder = trials[0].finals[0].run.path.parent
    files = RunFolder(folder)  # for its way of writing a file whole or not at all
    files.write("report.json", as_json(report))
    files.write("table.md", page.markdown(report).encode())
    plot(report, folder)
    return folder


def as_json(report: Report) -> bytes:
    """Strict JSON."""
    return (json.dumps(report, indent=2, allow_nan=False) + "\n").encode()
