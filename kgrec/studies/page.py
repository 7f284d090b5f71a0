"""What a reader sees of a report: tables, claims, plot. Made from the report alone."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from kgrec.reporting.costs import cost_table
from kgrec.reporting.html import Section, page
from kgrec.reporting.tables import Cell, Interval, Table, Value, render_markdown, render_text
from kgrec.studies.comparison import published_tables, reproduction_lines
from kgrec.studies.pictures import cost_figures

Report = dict[str, Any]

COST_NOTE = (
    "Params for a new item: language model + graph side (graph network, fusion, entity embeddings). Train s "
    "is of the chosen run, without its rivals. Peak MB is that of the worker process since it began, an "
    "upper bound."
)


def markdown(report: Report) -> str:
    """``table.md``."""
    parts = [f"# {report['study']}", report["question"], _origin(report)]
    for title, table in _tables(report):
        parts += [f"## {title}", render_markdown(table).rstrip()]
    parts += [COST_NOTE]
    for title, lines in _lists(report):
        parts += [f"## {title}", *(f"- {line}" for line in lines)]
    return "\n\n".join(parts).replace("\n\n- ", "\n- ") + "\n"


def text(report: Report) -> str:
    """The same for a terminal."""
    parts = [f"{report['study']}: {report['question']}"]
    for title, table in _tables(report):
        parts += [title, render_text(table).rstrip()]
    parts += [COST_NOTE]
    for title, lines in _lists(report):
        parts.append("\n".join([title, *(f"  {line}" for line in lines)]))
    return "\n\n".join(parts)


def suite_markdown(report: Report) -> str:
    """``report.md`` of a suite: all claims, then what each study measured."""
    parts = [f"# {report['suite']}", report["question"], f"`{report['command']}`, {report['date']}."]
    parts += ["## Claims", render_markdown(suite_claims(report)).rstrip()]
    for part in suite_parts(report):
        parts += [f"## {part['study']}", f"{part['question']} {_code_and_splits(part)}"]
        for title, table in _tables(part):
            parts += [f"### {title}", render_markdown(table).rstrip()]
        parts += [f"- {note}" for note in _notes(part)]
    parts += [COST_NOTE, *(f"- {note}" for note in report["notes"])]
    return "\n\n".join(parts).replace("\n\n- ", "\n- ") + "\n"


def suite_html(report: Report) -> str:
    """``report.html`` of a suite: the same with each study's plot and tables to be sorted, in one file."""
    sections = [Section("Claims", tables=[("", suite_claims(report))])]
    for part in suite_parts(report):
        protocol = part["rows"][0]["protocol"] if part["rows"] else {}
        stated = ", ".join(f"{key} {value}" for key, value in protocol.items())
        text = [f"{part['question']} {_code_and_splits(part)}", f"Protocol: {stated}.", *_notes(part)]
        sections.append(
            Section(part["study"], text=text, tables=[*_tables(part)], figures=[*cost_figures(part)])
        )
    sections.append(Section("Notes", text=[COST_NOTE, *report["notes"]]))
    lead = [report["question"], f"To make this page again: {report['command']} ({report['date']})."]
    return page(report["suite"], lead, sections)


def suite_text(report: Report) -> str:
    """The same for a terminal."""
    parts = [f"{report['suite']}: {report['question']}"]
    for part in suite_parts(report):
        parts.append(f"{part['study']}: {part['question']}")
        for title, table in _tables(part):
            parts += [title, render_text(table).rstrip()]
        parts += _notes(part)
    return "\n\n".join([*parts, COST_NOTE, "Claims", render_text(suite_claims(report)).rstrip()])


def suite_parts(report: Report) -> list[Report]:
    """The report of each study, its rows put back."""
    return [
        {
            **part,
            "references": {},
            "rows": [row for row in report["rows"] if row["study"] == part["study"]],
        }
        for part in report["parts"]
    ]


def suite_claims(report: Report) -> Table:
    """One row per claim of any study."""
    rows: list[list[Value | Cell]] = []
    for claim in report["claims"]:
        measured = claim["value"] is not None
        value = Interval(claim["value"], claim["low"], claim["high"]) if measured else claim["says"] or None
        status = claim["status"] + (" (provisional)" if claim["provisional"] and measured else "")
        sentence = ("for information: " if claim["informative"] else "") + claim["name"]
        rows.append([claim["study"], sentence, claim["threshold"], value, claim["holm_p"], status])
    return Table(["study", "claim", "must exceed", "measured", "p (Holm)", "status"], rows, digits=3)


def claim_lines(report: Report) -> Iterator[str]:
    """One line per claim: status, sentence, figures."""
    for claim in report["claims"]:
        provisional = " (provisional)" if claim["provisional"] and claim["status"] != "not_testable" else ""
        informative = "for information: " if claim["informative"] else ""
        says = f"; {claim['says']}" if claim["says"] else ""
        yield f"{claim['status']}{provisional}: {informative}{claim['name']}{_figures(claim)}{says}"


def _lists(report: Report) -> Iterator[tuple[str, list[str]]]:
    """Title and lines of what is no table, where there are any."""
    for title, lines in (
        ("Claims", [*claim_lines(report)]),
        ("Reproductions", [*reproduction_lines(report)]),
        ("Notes", _notes(report)),
    ):
        if lines:
            yield title, lines


def _tables(report: Report) -> Iterator[tuple[str, Table]]:
    """What is beside published figures, one table per set of candidates, then costs."""
    rows = report["rows"]
    if not rows:
        return
    yield from published_tables(report)
    by_candidates: dict[str, list[str]] = {}
    for metric in rows[0]["metrics"]:
        by_candidates.setdefault(metric.rpartition("/")[0], []).append(metric)
    for prefix, metrics in by_candidates.items():
        labelled = rows[0]["protocol"].get("candidates") == "labelled rows"
        explained = _of_labelled_rows(prefix) if labelled else _explained(prefix)
        yield f"{prefix}: {explained}", _quality(rows, metrics, report["primary"])
    yield "What it costs", cost_table([(row["arm"], row) for row in rows])


def _explained(prefix: str) -> str:
    """``test/cold/slice_rare_items`` in words."""
    parts = prefix.split("/")[1:]
    ranked = f"ranked among {'the held-out items' if 'cold' in parts else 'all items'}"
    slices = [part.removeprefix("slice_").replace("_", " ") for part in parts if part.startswith("slice_")]
    return f"{ranked}, relevant are {slices[0]} alone" if slices else ranked


def _of_labelled_rows(prefix: str) -> str:
    """``test/user`` in words, where rows are labelled and nothing is ranked."""
    parts = {"user": "means over users", "batchwise": "means over full mini-batches"}
    return parts.get(prefix.rpartition("/")[2], "over all labelled rows")


def _quality(rows: Sequence[Report], metrics: Sequence[str], primary: str) -> Table:
    """Means, with the interval for the metric that the study is about; the best of each column marked."""
    leading = primary.rpartition("/")[2]
    with_interval = [metric.rpartition("/")[2] == leading for metric in metrics]
    most_seeds = max(len(row["seeds"]) for row in rows)
    best = [max(row["metrics"][metric]["mean"] for row in rows) for metric in metrics]
    cells: list[list[Value | Cell]] = [
        [
            _name(row, most_seeds),
            *(
                Cell(_value(row["metrics"][metric], interval), row["metrics"][metric]["mean"] == top)
                for metric, interval, top in zip(metrics, with_interval, best, strict=True)
            ),
        ]
        for row in rows
    ]
    return Table(["arm", *(metric.rpartition("/")[2] for metric in metrics)], cells, digits=3)


def _name(row: Report, most_seeds: int) -> str:
    """The arm, and how few its seeds are where others have more."""
    num_seeds = len(row["seeds"])
    few = f" ({num_seeds} seed{'s' if num_seeds > 1 else ''})" if num_seeds < most_seeds else ""
    return f"{row['arm']}{few}"


def _value(metric: Report, interval: bool) -> Value:
    mean: float = metric["mean"]
    return Interval(mean, metric["low"], metric["high"]) if interval else mean


def _figures(claim: Report) -> str:
    if claim["value"] is None:
        return ""
    number: Callable[[float], str] = "{:.3f}".format
    compared = {
        "difference": f"{claim['arm']} - {claim['than']}",
        "ratio": f"{claim['arm']} / {claim['than']}",
        "share": f"1 - {claim['than']} / {claim['arm']}",
        "mean": f"mean of {claim['arm']}",
        "closed": f"share of the gap {claim['than']} to {claim['of']} closed by {claim['arm']}",
    }[claim["statistic"]]
    figures = f"{number(claim['value'])} [{number(claim['low'])}, {number(claim['high'])}]"
    return f" | {compared} = {figures}, must exceed {claim['threshold']:g}"


def _origin(report: Report) -> str:
    return f"`{report['command']}`, {report['date']}. {_code_and_splits(report)}"


def _code_and_splits(report: Report) -> str:
    changes = " with uncommitted changes" if report["uncommitted_changes"] else ""
    splits = ", ".join(map(str, report["seeds"]))
    return f"Commit {report['commit'] or 'unknown'}{changes}, splits {splits}."


def _notes(report: Report) -> list[str]:
    notes = list(report["notes"])
    if report["provisional"]:
        notes.append("provisional: too few splits for a verdict, figures and statuses may change with more")
    if report["incomplete"]:
        notes.append(f"not finished on every split, left out: {', '.join(report['incomplete'])}")
    return notes
