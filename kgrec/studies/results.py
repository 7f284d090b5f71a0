"""Reports that are kept: those of ``experiments/results``, and those that studies left in ``runs``."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kgrec.errors import InputError
from kgrec.study import Arm

Report = dict[str, Any]


@dataclass(frozen=True)
class KeptRow:
    """What a report says of one arm.

    Attributes:
        study: whose row it is.
        date: of the report.
        row: see :func:`kgrec.studies.report.make_report`.
    """

    study: str
    date: str
    row: Report


def read_reports(*folders: Path) -> list[Report]:
    """Every ``report.json`` below the folders, the newest first; a folder that is not there has none.

    Raises:
        InputError: a file that is no report.
    """
    reports = []
    for path in (path for folder in folders for path in sorted(folder.rglob("report.json"))):
        try:
            report = json.loads(path.read_text())
            reports.append((report["date"], {**report, "rows": list(report["rows"])}))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path}: found no report of a study ({error})") from error
    return [report for _, report in sorted(reports, key=lambda pair: str(pair[0]), reverse=True)]


def kept_rows(reports: Sequence[Report]) -> Iterator[KeptRow]:
    """The rows of all reports, the newest first."""
    for report in reports:
        for row in report["rows"]:
            yield KeptRow(row.get("study") or report.get("study", ""), report["date"], row)


def row_of_reproduction(arm: Arm, rows: Sequence[KeptRow]) -> KeptRow | None:
    """The newest row that compares a reproduction of these settings with these published figures."""
    published = arm.published
    for kept in rows:
        told = kept.row.get("published")
        if (
            published is not None
            and told
            and (told["paper"], told["figures"]) == (published.paper, dict(published.figures))
            and _ends_with(kept.row["settings"], arm.overrides)
        ):
            return kept
    return None


def row_like(study: str, row: Report, rows: Sequence[KeptRow]) -> KeptRow | None:
    """The newest row of the same arm and settings, of this study or of one that has the reproduction."""
    for kept in rows:
        other = kept.row
        if (other["arm"], other["dataset"]) != (row["arm"], row["dataset"]):
            continue
        if kept.study == study and other["settings"] == row["settings"]:
            return kept
        both = row.get("published") and other.get("published")
        if both and _ends_with(other["settings"], row["settings"]):
            return kept
    return None


def _ends_with(settings: Sequence[str], last: Sequence[str]) -> bool:
    return list(settings[-len(last) :]) == list(last)
