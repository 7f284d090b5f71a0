import csv
import io

import pytest

from kgrec.errors import InputError
from kgrec.reporting.tables import Cell, Interval, Spread, Table, format_value, render

TABLE = Table(
    ["model", "Recall@20", "lm_params"],
    [
        ["a|b_c", Cell(Interval(0.4041, 0.391, 0.417), best=True), 22_713_216],
        ["none", Interval(0.3, 0.29, 0.31), None],
    ],
    digits=3,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.12345, "0.123"),
        (12, "12"),
        (11_920_000.0, "11,920,000"),
        (None, "–"),
        (float("nan"), "–"),
        (True, "True"),
        ("word", "word"),
        (Interval(0.5, 0.4, 0.6), "0.500 [0.400, 0.600]"),
        (Spread(0.5, 0.01), "0.500 ± 0.010"),
        (Spread(0.5, None), "0.500"),
    ],
)
def test_values(value: object, text: str) -> None:
    assert format_value(value, digits=3) == text  # type: ignore[arg-type]


def test_markdown() -> None:
    assert render(TABLE, "markdown") == (
        "| model  |                Recall@20 |  lm_params |\n"
        "| ------ | -----------------------: | ---------: |\n"
        "| a\\|b_c | **0.404 [0.391, 0.417]** | 22,713,216 |\n"
        "| none   |     0.300 [0.290, 0.310] |          – |\n"
    )


def test_text() -> None:
    assert render(TABLE, "text") == (
        "model              Recall@20   lm_params\n"
        "-----  ---------------------  ----------\n"
        "a|b_c  0.404 [0.391, 0.417]*  22,713,216\n"
        "none    0.300 [0.290, 0.310]           –\n"
    )


def test_csv_keeps_every_digit() -> None:
    rows = list(csv.DictReader(io.StringIO(render(TABLE, "csv"))))
    assert rows[0] == {
        "model": "a|b_c",
        "Recall@20": "0.4041",
        "Recall@20/low": "0.391",
        "Recall@20/high": "0.417",
        "lm_params": "22713216",
    }
    assert rows[1]["lm_params"] == ""


def test_csv_of_spreads() -> None:
    table = Table(["x"], [[Spread(0.5, 0.01)], [Spread(0.4, None)], [None]])
    assert render(table, "csv") == "x,x/sd\n0.5,0.01\n0.4,\n,\n"


def test_latex_escapes() -> None:
    text = render(TABLE, "latex")
    assert r"\begin{tabular}{lrr}" in text
    assert r"a|b\_c & \textbf{0.404 [0.391, 0.417]} & 22,713,216 \\" in text
    assert r"none & 0.300 [0.290, 0.310] & -- \\" in text


def test_an_empty_table_has_its_header() -> None:
    assert render(Table(["a", "b"], []), "markdown") == "| a   | b   |\n| --- | --- |\n"


def test_a_row_of_another_width_is_refused() -> None:
    with pytest.raises(ValueError, match="row of 1 cells under 2 columns"):
        Table(["a", "b"], [[1]])


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(InputError, match="found 'rtf', expected one of markdown, text, csv, latex, html"):
        render(TABLE, "rtf")
