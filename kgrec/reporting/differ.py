"""What differs between two runs: settings, code, versions, data, figures."""

import json
from collections.abc import Mapping
from typing import Any

from kgrec.reporting.html import Section
from kgrec.reporting.run_folder import RunFolder, flatten
from kgrec.reporting.tables import Table, Value, is_number

UNINTERESTING = ("paths", "logger", "launcher", "hydra", "group")
"""Settings that say where a run lies and who looks on."""

ABSENT = "–"


def differ_sections(first: RunFolder, second: RunFolder) -> list[Section]:
    """One section each for settings, surroundings and figures, where there is a difference.

    Raises:
        InputError: a folder is none of a run.
    """
    columns = ["", str(first.path), str(second.path)]
    configs = [_settings(run) for run in (first, second)]
    settings: list[list[Value]] = [[*row] for row in differing(*configs)]
    around = [read_surroundings(run) for run in (first, second)]
    surroundings: list[list[Value]] = [[*row] for row in differing(*around)]
    sections = []
    for title, rows in (("Settings", settings), ("Code, versions, data", surroundings)):
        tables = [("", Table(columns, rows))] if rows else []
        sections.append(Section(title, text=[] if rows else ["The same."], tables=tables))
    figures = _figures(first, second)
    tables = [("", Table([*columns, "second - first"], figures, digits=6))] if figures else []
    text = [] if figures else ["The same, or not there yet."]
    return [*sections, Section("Figures", text=text, tables=tables)]


def read_surroundings(run: RunFolder) -> dict[str, Any]:
    """What ``env.json`` says, flat; data digests of older runs are those of the summary.

    Raises:
        InputError: there is no such file, or it cannot be read.
    """
    stored = flatten(run.read_env())
    if "data.dataset" not in stored and run.is_finished:
        stored["data.dataset"] = run.read_summary().get("protocol/data_sha256")
    return {key: value for key, value in stored.items() if key != "seed"}


def differing(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Key and both values of what is not the same in both, in the order of the keys."""
    keys = dict.fromkeys([*first, *second])
    return [
        (key, _text(first, key), _text(second, key))
        for key in keys
        if first.get(key, ABSENT) != second.get(key, ABSENT)
    ]


def _settings(run: RunFolder) -> dict[str, Any]:
    flat = flatten(run.read_config())
    return {key: value for key, value in flat.items() if key.partition(".")[0] not in UNINTERESTING}


def _figures(first: RunFolder, second: RunFolder) -> list[list[Value]]:
    """Rows of the summaries' values that differ; runs that are not finished have none."""
    if not (first.is_finished and second.is_finished):
        return []
    before, after = first.read_summary(), second.read_summary()
    rows: list[list[Value]] = []
    for key in dict.fromkeys([*before, *after]):
        a, b = before.get(key), after.get(key)
        if a != b:
            rows.append([key, a, b, b - a if is_number(a) and is_number(b) else None])
    return rows


def _text(values: Mapping[str, Any], key: str) -> str:
    if key not in values:
        return ABSENT
    return values[key] if isinstance(values[key], str) else json.dumps(values[key])
