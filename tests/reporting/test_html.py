import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from kgrec.reporting.cost_plot import CostPoint, quality_vs_cost_svg
from kgrec.reporting.html import Section, page
from kgrec.reporting.tables import Cell, Interval, Table, render_html

TABLE = Table(
    ["arm", "recall"],
    [["a<b", Interval(0.25, 0.2, 0.3)], ["c", Cell(0.5, best=True)], ["d", None]],
    digits=2,
)
POINTS = [CostPoint("s", "small & large", 10.0, 0.3, 0.2, 0.4)]


class Tags(HTMLParser):
    """Opens and closes every element in order."""

    VOID = ("meta", "path", "use")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.seen.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag


def whole_page() -> str:
    sections = [
        Section("Claims & figures", text=["1 < 2"], tables=[("", TABLE), ("Again", TABLE)]),
        Section("Plot", figures=[quality_vs_cost_svg(POINTS, "recall@20")]),
    ]
    return page("A <study>", ["What?"], sections)


def test_a_table_shows_text_escaped_and_numbers_in_full() -> None:
    rendered = render_html(TABLE)
    assert (
        '<td class="text">a&lt;b</td><td class="number" data-value="0.25">0.25 [0.20, 0.30]</td>' in rendered
    )
    assert '<td class="number" data-value="0.5"><b>0.50</b></td>' in rendered
    assert '<td class="number">–</td>' in rendered


def test_a_page_is_well_formed_and_needs_nothing_else() -> None:
    document = whole_page()
    tags = Tags()
    tags.feed(document)
    assert tags.open == []
    assert (tags.seen.count("table"), tags.seen.count("svg"), tags.seen.count("h3")) == (2, 1, 1)
    assert "A &lt;study&gt;" in document
    assert "1 &lt; 2" in document
    assert not [link for link in re.findall(r'(?:src|href)="([^"]*)"', document) if not link.startswith("#")]


def test_a_plot_is_the_same_each_time() -> None:
    first, second = (quality_vs_cost_svg(POINTS, "recall@20") for _ in range(2))
    assert first == second
    assert "small &amp; large" in first


def test_a_click_sorts_in_a_real_browser(tmp_path: Path) -> None:
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        pytest.skip("no chromium on this machine: apt-get install chromium")
    clicked = whole_page().replace(
        "</body>", "<script>document.querySelectorAll('th')[1].click()</script></body>"
    )
    (tmp_path / "page.html").write_text(clicked)
    command = [
        browser,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--dump-dom",
        f"file://{tmp_path}/page.html",
    ]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    first_table = shown[shown.index("<tbody>") : shown.index("</tbody>")]
    assert re.findall(r'<td class="text">([^<]*)</td>', first_table) == ["c", "a&lt;b", "d"]
