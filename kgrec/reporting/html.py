"""One page that needs nothing beside itself: no network, no file, no library."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from kgrec.reporting.tables import Table, render_html

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222; }
body { margin: 2rem auto; max-width: 72rem; padding: 0 1rem; }
h1, h2, h3 { line-height: 1.2; } h2 { margin-top: 2.5rem; }
figure { margin: 1rem 0; } svg { max-width: 100%; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-size: 13px; margin: .5rem 0 1.5rem; }
th, td { padding: .25rem .6rem; border-bottom: 1px solid #ddd; text-align: left; vertical-align: top; }
th { cursor: pointer; border-bottom: 2px solid #888; white-space: nowrap; } th:hover { background: #f2f2f2; }
th[aria-sort=ascending]::after { content: " \\25B2"; } th[aria-sort=descending]::after { content: " \\25BC"; }
.curve path { stroke-width: 1.5; } .curve:hover path { stroke-width: 5; }
figure:has(.curve:hover) .curve:not(:hover) { opacity: .15; }
.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
"""

SORT = """
for (const head of document.querySelectorAll("th")) head.addEventListener("click", () => {
  const table = head.closest("table"), body = table.tBodies[0], column = head.cellIndex;
  const descending = head.getAttribute("aria-sort") !== "descending";
  const key = row => {
    const cell = row.cells[column];
    return cell.dataset.value === undefined ? cell.textContent : Number(cell.dataset.value);
  };
  const order = (a, b) => {
    const x = key(a), y = key(b), numbers = typeof x === "number" && typeof y === "number";
    if (typeof x !== typeof y) return typeof x === "number" ? -1 : 1;  // what is missing comes last
    return (numbers ? x - y : x.localeCompare(y)) * (descending ? -1 : 1);
  };
  for (const other of table.querySelectorAll("th")) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", descending ? "descending" : "ascending");
  body.append(...[...body.rows].sort(order));
});
"""
"""A click on a heading sorts by that column, largest first; another click turns it round."""


@dataclass(frozen=True)
class Section:
    """A heading with what stands under it, in this order.

    Attributes:
        title: its heading.
        text: plain paragraphs.
        tables: heading, empty = none, and table.
        figures: ``<svg>`` elements.
    """

    title: str
    text: Sequence[str] = ()
    tables: Sequence[tuple[str, Table]] = ()
    figures: Sequence[str] = ()


def page(title: str, lead: Sequence[str], sections: Sequence[Section]) -> str:
    """The whole document, UTF-8.

    Args:
        title: of the page.
        lead: plain paragraphs under it.
        sections: in order.
    """
    parts = [f"<h1>{escape(title)}</h1>", *_paragraphs(lead), *(_section(section) for section in sections)]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(parts)
        + f"\n<script>{SORT}</script>\n</body>\n</html>\n"
    )


def _section(section: Section) -> str:
    parts = [f"<h2>{escape(section.title)}</h2>", *_paragraphs(section.text)]
    parts += [f"<figure>{figure}</figure>" for figure in section.figures]
    for heading, table in section.tables:
        if heading:
            parts.append(f"<h3>{escape(heading)}</h3>")
        parts.append(f'<div class="wide">{render_html(table)}</div>')
    return "\n".join(parts)


def _paragraphs(text: Sequence[str]) -> list[str]:
    return [f"<p>{escape(paragraph)}</p>" for paragraph in text]
