"""Published figures: records, comparison by hand, how a report prints it."""

import pytest

from kgrec.studies.comparison import published_tables, reproduction_lines
from kgrec.studies.page import markdown, text
from kgrec.studies.published import Published, Source

SOURCE = Source("a table", "https://example.org/table", "all items, mean over users")


def published(**settings: object) -> Published:
    given = {"figures": {"test/r@1": 0.2, "test/s@1": 0.5}, **settings}
    return Published("Author et al., 2020", "https://example.org/paper", SOURCE, **given)  # type: ignore[arg-type]


def test_a_measured_figure_is_within_above_or_below_the_tolerance() -> None:
    for measured, difference, within in (
        (0.21, 0.05, "yes"),
        (0.19, -0.05, "yes"),
        (0.22, 0.1, "above"),
        (0.1, -0.5, "below"),
    ):
        beside = published().beside({"test/r@1": measured, "test/t@1": 1.0})
        assert list(beside) == ["test/r@1"]
        assert beside["test/r@1"]["difference"] == pytest.approx(difference)
        assert (beside["test/r@1"]["published"], beside["test/r@1"]["within"]) == (0.2, within)
    assert published(tolerance=0.2).beside({"test/r@1": 0.22})["test/r@1"]["within"] == "yes"
    assert published().beside({"valid/r@1": 0.2}) == {}


def test_a_record_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="figures above 0"):
        published(figures={})
    with pytest.raises(ValueError, match="figures above 0"):
        published(figures={"test/r@1": 0.0})
    with pytest.raises(ValueError, match="tolerance above 0"):
        published(tolerance=0)
    with pytest.raises(ValueError, match="isoformat"):
        published(verified="yesterday")


def row(arm: str, mean: float, num_seeds: int, record: Published | None) -> dict[str, object]:
    metric = {"mean": mean, "low": mean - 0.01, "high": mean + 0.01, "sd": 0.002 if num_seeds > 1 else None}
    beside = record.beside({"test/r@1": mean}) if record else {}
    return {
        "arm": arm,
        "protocol": {"candidates": "all"},
        "metrics": {"test/r@1": metric},
        "seeds": list(range(num_seeds)),
        "tuning": "tuning.json" if num_seeds > 1 else None,
        "published": {**record.record(), "beside": beside} if record else None,
        "cost/train_s": 12.4,
    }


REPORT = {
    "study": "table", "question": "?", "primary": "test/r@1", "command": "kgrec reproduce table",
    "commit": None, "uncommitted_changes": False, "date": "2026-11-24", "seeds": [0, 1], "claims": [],
    "notes": [], "provisional": False, "incomplete": [],
    "rows": [
        row("reached", 0.205, 2, published(verified="2026-11-24")),
        row("missed", 0.1, 1, published(deviations=("one epoch alone",))),
        row("own", 0.3, 2, None),
    ],
    "references": {"Other": published(figures={"test/r@1": 0.25}).record()},
}  # fmt: skip


def test_a_table_has_measured_and_published_side_by_side() -> None:
    ((title, table),) = published_tables(REPORT)
    assert title == "test/r@1 beside published figures"
    rows = {str(line[0]): line for line in table.rows}
    assert list(rows) == ["reached", "missed", "own", "Other (not run)"]
    assert rows["reached"][2:] == [0.002, 0.2, "+2.5", "yes", 2, "yes", "12"]
    assert rows["missed"][2:] == [None, 0.2, "-50.0", "below", 1, "no", "12"]
    assert rows["own"][3:6] == [None, None, None]
    assert rows["Other (not run)"][1:4] == [None, None, 0.25]


def test_the_page_names_papers_sources_and_what_is_not_verified() -> None:
    first, second, third, last = reproduction_lines(REPORT)
    assert first.startswith("reached: Author et al., 2020, https://example.org/paper; figures of a table")
    assert first.endswith("verified 2026-11-24")
    assert second.endswith("not yet verified; one epoch alone")
    assert third.startswith("Other: ")
    assert last == "a table: https://example.org/table; all items, mean over users"
    for page in (markdown(REPORT), text(REPORT)):
        assert "Reproductions" in page
        assert "missed (1 seed)" in page
        assert "reached (" not in page
        assert "Other (not run)" in page


def test_without_published_figures_there_is_no_such_table() -> None:
    own = {**REPORT, "rows": [row("own", 0.3, 2, None)], "references": {}}
    assert list(published_tables(own)) == []
    assert "Reproductions" not in markdown(own)
