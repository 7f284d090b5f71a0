"""Tables of results: cells that know their spread, and one renderer per output format."""

import csv
import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import TypeGuard

from kgrec.errors import InputError


@dataclass(frozen=True)
class Interval:
    """A mean with the bounds of its confidence interval: ``.404 [.391, .417]``."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Spread:
    """A mean and the standard deviation over seeds: ``.404 ± .012``; of one seed the mean alone."""

    mean: float
    sd: float | None


class Probability(float):
    """A p value: where its decimals would all be 0 it is shown as ``3e-08``."""


Value = str | bool | int | float | Interval | Spread | None


@dataclass(frozen=True)
class Cell:
    """A value, and whether it is the best of its column."""

    value: Value
    best: bool = False


@dataclass(frozen=True)
class Table:
    """Header and rows of equal width.

    Attributes:
        columns: header.
        rows: of values or cells.
        digits: decimals of numbers that are no integers.

    Raises:
        ValueError: a row of another width.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Value | Cell]]
    digits: int = 4

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"row of {len(row)} cells under {len(self.columns)} columns: {row}")

    def cells(self) -> list[list[Cell]]:
        """Rows with every value in a cell."""
        return [[cell if isinstance(cell, Cell) else Cell(cell) for cell in row] for row in self.rows]

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return render_html(self)


def is_number(value: object) -> TypeGuard[float]:
    """Whether a value of a summary is a number; a truth value is none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def format_value(value: Value, digits: int) -> str:
    """A value as text; what is missing or not a number is a dash."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, Interval):
        bounds = f"{format_value(value.low, digits)}, {format_value(value.high, digits)}"
        return f"{format_value(value.mean, digits)} [{bounds}]"
    if isinstance(value, Spread):
        mean = format_value(value.mean, digits)
        return mean if value.sd is None else f"{mean} ± {format_value(value.sd, digits)}"
    if isinstance(value, bool | str):
        return str(value)
    if isinstance(value, Probability) and 0 < value < 10**-digits:
        return f"{value:.0e}"
    if isinstance(value, int) or (value.is_integer() and abs(value) >= 1000):
        return f"{int(value):,}"
    return f"{value:.{digits}f}"


def render_markdown(table: Table) -> str:
    """A GitHub table with aligned columns; the best values are bold."""
    texts = [
        [_marked(cell, table.digits, "**", "**").replace("|", r"\|") for cell in row] for row in table.cells()
    ]
    header = [name.replace("|", r"\|") for name in table.columns]
    widths = _widths([header, *texts])
    numeric = _numeric_columns(table)
    rule = [
        ("-" * (width - 1) + ":") if right else "-" * width
        for width, right in zip(widths, numeric, strict=True)
    ]
    lines = [_aligned(header, widths, numeric), rule, *(_aligned(row, widths, numeric) for row in texts)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def render_text(table: Table) -> str:
    """Aligned columns for a terminal; the best values carry a star."""
    texts = [[_marked(cell, table.digits, "", "*") for cell in row] for row in table.cells()]
    widths = _widths([table.columns, *texts])
    numeric = _numeric_columns(table)
    lines = [list(table.columns), ["-" * width for width in widths], *texts]
    return "\n".join("  ".join(_aligned(line, widths, numeric)).rstrip() for line in lines) + "\n"


def render_csv(table: Table) -> str:
    """Numbers in full, for programs: an interval is three columns, a spread two."""
    parts = [_csv_parts(table, column) for column in range(len(table.columns))]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([name + part for name, names in zip(table.columns, parts, strict=True) for part in names])
    for row in table.cells():
        writer.writerow(
            [_part(cell.value, part) for cell, names in zip(row, parts, strict=True) for part in names]
        )
    return out.getvalue()


def render_latex(table: Table) -> str:
    """A booktabs ``tabular``; the best values are bold."""
    body = [
        " & ".join(
            rf"\textbf{{{text}}}" if cell.best else text
            for cell in row
            for text in [_latex(format_value(cell.value, table.digits))]
        )
        for row in table.cells()
    ]
    alignment = "".join("r" if right else "l" for right in _numeric_columns(table))
    lines = [
        rf"\begin{{tabular}}{{{alignment}}}",
        r"\toprule",
        " & ".join(_latex(name) for name in table.columns) + r" \\",
        r"\midrule",
        *(line + r" \\" for line in body),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    return "\n".join(lines) + "\n"


def render_html(table: Table) -> str:
    """A ``<table>``; the best values are bold, and numbers carry their full value to sort by."""
    numeric = _numeric_columns(table)
    kinds = ["number" if is_number else "text" for is_number in numeric]
    head = "".join(
        f'<th scope="col" class="{kind}">{escape(name)}</th>'
        for name, kind in zip(table.columns, kinds, strict=True)
    )
    rows = "".join(
        "<tr>" + "".join(_html_cell(*pair, table.digits) for pair in zip(row, kinds, strict=True)) + "</tr>\n"
        for row in table.cells()
    )
    return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n"


RENDERERS: dict[str, Callable[[Table], str]] = {
    "markdown": render_markdown,
    "text": render_text,
    "csv": render_csv,
    "latex": render_latex,
    "html": render_html,
}


def render(table: Table, output: str) -> str:
    """The table in one of the formats of :data:`RENDERERS`.

    Raises:
        InputError: an unknown format.
    """
    if output not in RENDERERS:
        raise InputError(f"table format: found {output!r}, expected one of {', '.join(RENDERERS)}")
    return RENDERERS[output](table)


def _html_cell(cell: Cell, kind: str, digits: int) -> str:
    text = escape(format_value(cell.value, digits))
    shown = f"<b>{text}</b>" if cell.best else text
    value = _part(cell.value, "") if kind == "number" else None
    key = "" if value is None else f' data-value="{value!r}"'
    return f'<td class="{kind}"{key}>{shown}</td>'


def _marked(cell: Cell, digits: int, before: str, after: str) -> str:
    text = format_value(cell.value, digits)
    return f"{before}{text}{after}" if cell.best else text


def _widths(lines: Sequence[Sequence[str]]) -> list[int]:
    return [max(3, *(len(text) for text in column)) for column in zip(*lines, strict=True)]


def _aligned(line: Sequence[str], widths: Sequence[int], numeric: Sequence[bool]) -> list[str]:
    return [
        text.rjust(width) if right else text.ljust(width)
        for text, width, right in zip(line, widths, numeric, strict=True)
    ]


def _numeric_columns(table: Table) -> list[bool]:
    """Whether a column holds a number and no text: such columns are set flush right."""
    columns = zip(*table.cells(), strict=True) if table.rows else [() for _ in table.columns]
    return [
        any(cell.value is not None for cell in column)
        and not any(isinstance(cell.value, str | bool) for cell in column)
        for column in columns
    ]


def _csv_parts(table: Table, column: int) -> list[str]:
    """Suffixes of the columns that one column becomes."""
    values = [row[column].value for row in table.cells()]
    if any(isinstance(value, Interval) for value in values):
        return ["", "/low", "/high"]
    return ["", "/sd"] if any(isinstance(value, Spread) for value in values) else [""]


def _part(value: Value, part: str) -> str | bool | int | float | None:
    if isinstance(value, Interval):
        return {"": value.mean, "/low": value.low, "/high": value.high}[part]
    if isinstance(value, Spread):
        return {"": value.mean, "/sd": value.sd}[part]
    return value if part == "" else None


def _latex(text: str) -> str:
    special = {"\\": r"\textbackslash{}", "±": r"$\pm$", "–": "--", "~": r"\textasciitilde{}", "^": r"\^{}"}
    special |= {char: f"\\{char}" for char in "&%$#_{}"}
    return "".join(special.get(char, char) for char in text)
