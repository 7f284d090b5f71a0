"""A suite from its studies to one report."""

import datetime
from collections.abc import Sequence
from pathlib import Path

from kgrec.errors import InputError
from kgrec.evaluation.significance import holm
from kgrec.reporting.run_folder import RunFolder
from kgrec.studies import page
from kgrec.studies.fronts import STATISTIC
from kgrec.studies.report import Report
from kgrec.studies.runner import Outcome, as_json, reproduce
from kgrec.study import Study, Suite

OF_A_PART = (
    "study",
    "primary",
    "curve",
    "commit",
    "uncommitted_changes",
    "seeds",
    "provisional",
    "notes",
    "incomplete",
)
"""What a suite's report keeps of each study's, beside its rows and claims."""


def reproduce_suite(
    suite: Suite,
    only: Sequence[str],
    num_splits: int | None,
    overrides: Sequence[str],
    num_workers: int,
    command: str,
    kept: Path | None = None,
) -> Outcome:
    """Run what is unfinished of every study, one after the other, and report on all of them.

    Args:
        suite: the studies.
        only: arms or groups of arms to run; empty = all.
        num_splits: splits of each study; ``None`` = as it says itself.
        overrides: settings for all arms; ``data=…`` chooses the dataset.
        num_workers: processes.
        command: by which this can be done again.
        kept: folder with one of :class:`kgrec.studies.kept.KeptRuns` for each study.

    Raises:
        InputError: a wrong setting, or run folders that cannot be read or written.
    """
    data, others = _dataset(overrides)
    studies = suite.studies(data)
    chosen = suite.arms_named(only, studies)
    run = [study for study in studies if study.name in chosen]
    outcomes = [
        reproduce(
            study,
            chosen[study.name] if only else [],
            study.num_splits if num_splits is None else num_splits,
            others,
            num_workers,
            command,
            None if kept is None else kept / study.name.replace("-", "_"),
        )
        for study in run
    ]
    report = merge(suite, run, [outcome.report for outcome in outcomes], command)
    folder = outcomes[0].folder.parent / suite.name
    files = RunFolder(folder)
    files.write("report.json", as_json(report))
    files.write("report.md", page.suite_markdown(report).encode())
    files.write("report.html", page.suite_html(report).encode())
    return Outcome(
        report,
        folder,
        tuple(failure for outcome in outcomes for failure in outcome.failures),
        sum(outcome.seconds for outcome in outcomes),
        max(outcome.peak_mb for outcome in outcomes),
    )


def merge(suite: Suite, studies: Sequence[Study], reports: Sequence[Report], command: str) -> Report:
    """One report of several: rows and claims say whose they are, and Holm's family is that of all claims."""
    rows = [{"study": part["study"], **row} for part in reports for row in part["rows"]]
    claims = [{"study": part["study"], **claim} for part in reports for claim in part["claims"]]
    family = [claim for claim in claims if not claim["informative"] and claim["statistic"] != STATISTIC]
    adjusted = holm([1.0 if claim["p"] is None else claim["p"] for claim in family])
    for claim, p in zip(family, adjusted, strict=True):
        claim["holm_p"] = None if claim["p"] is None else float(p)
    return {
        "suite": suite.name,
        "question": suite.question,
        "command": command,
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "notes": list(suite.notes),
        "parts": [
            {"question": study.question, **{key: part[key] for key in OF_A_PART if key in part}}
            for study, part in zip(studies, reports, strict=True)
        ],
        "rows": rows,
        "claims": claims,
    }


def _dataset(overrides: Sequence[str]) -> tuple[str | None, list[str]]:
    """The option of ``data`` that is asked for, and the other overrides."""
    asked = [override.partition("=")[2] for override in overrides if override.startswith("data=")]
    if len(set(asked)) > 1:
        raise InputError(f"data: found {', '.join(asked)}, expected one dataset, or none for all")
    return (asked[0] if asked else None), [other for other in overrides if not other.startswith("data=")]
