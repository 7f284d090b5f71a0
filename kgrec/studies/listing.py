"""``kgrec reproduce --list``: every study with what is known of it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kgrec.build import compose
from kgrec.reporting.tables import Table, Value, render_text
from kgrec.studies.files import find_studies, load_study
from kgrec.studies.progress import duration
from kgrec.studies.results import KeptRow, kept_rows, read_reports, row_of_reproduction
from kgrec.study import Study, Suite

Report = dict[str, Any]

COLUMNS = ["reproduction", "paper", "dataset", "published", "measured", "within", "date", "cost"]
COLUMNS_OF_A_STUDY = ["study", "question", "claims that hold", "figures within tolerance", "date", "cost"]


def listing(folder: Path, runs: Path) -> str:
    """Two tables: reproductions of one published result each, and studies of several arms.

    Figures, dates and costs are those of the newest report in ``experiments/results`` or in ``runs``; cost is
    the time of training alone.

    Raises:
        InputError: a file that defines no study, or a report that cannot be read.
    """
    reports = read_reports(folder / "results", runs)
    rows = list(kept_rows(reports))
    studies = [load_study(name, folder) for name in find_studies(folder)]
    alone: list[list[Value]] = []
    several: list[list[Value]] = []
    for study in studies:
        if isinstance(study, Study) and not study.claims and len(study.arms) == 1 and study.arms[0].published:
            alone.append(_reproduction(study, rows))
        else:
            several.append(_study(study, reports))
    tables = [Table(COLUMNS, alone), Table(COLUMNS_OF_A_STUDY, several)]
    return "\n".join(render_text(table) for table in tables if table.rows)


def _reproduction(study: Study, rows: Sequence[KeptRow]) -> list[Value]:
    (arm,) = study.arms
    published = arm.published
    assert published is not None
    authors, *_, venue = published.paper.split(", ")
    told: list[Value] = [study.name, f"{authors}, {venue}"]
    figures = _figures(published.figures)
    kept = row_of_reproduction(arm, rows)
    if kept is None:
        data = compose([*study.common, *arm.overrides]).choices.data
        return [*told, data, figures, None, None, None, None]
    means = {metric: value["mean"] for metric, value in kept.row["metrics"].items()}
    beside = published.beside(means)
    within = ", ".join(f"{one['within']} ({100 * one['difference']:+.1f} %)" for one in beside.values())
    measured = _figures({metric: means[metric] for metric in beside})
    return [*told, kept.row["dataset"], figures, measured, within, kept.date[:10], _cost([kept.row])]


def _study(study: Study | Suite, reports: Sequence[Report]) -> list[Value]:
    """Of a suite the newest report of each of its studies, or of all of it."""
    names = {study.name, *(part.name for part in (study.studies(None) if isinstance(study, Suite) else ()))}
    parts: dict[str, Report] = {}
    for report in reports:
        name = str(report.get("suite") or report.get("study"))
        if name in names:
            parts.setdefault(name, report)
    if study.name in parts:  # a suite's own report has its parts
        parts = {study.name: parts[study.name]}
    if not parts:
        return [study.name, study.question, None, None, None, None]
    claims = [claim for part in parts.values() for claim in part["claims"] if not claim["informative"]]
    rows = [row for part in parts.values() for row in part["rows"]]
    compared = [
        one["within"] == "yes"
        for row in rows
        if row.get("published")
        for one in row["published"]["beside"].values()
    ]
    date = max(part["date"] for part in parts.values())[:10]
    held = sum(claim["status"] == "holds" for claim in claims)
    return [
        study.name,
        study.question,
        f"{held} of {len(claims)}" if claims else None,
        f"{sum(compared)} of {len(compared)}" if compared else None,
        date,
        _cost(rows),
    ]


def _figures(figures: Any) -> str:
    return ", ".join(f"{metric.removeprefix('test/')} {value:.4f}" for metric, value in figures.items())


def _cost(rows: Sequence[Report]) -> str:
    """Time of training, over all arms, seeds and draws."""
    seconds = sum(row.get("cost/train_s", 0.0) * len(row["runs"]) for row in rows)
    return f"{duration(seconds)} training, {sum(len(row['runs']) for row in rows)} runs"
