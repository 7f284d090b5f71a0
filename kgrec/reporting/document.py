"""Sections of tables and text as one document, in the format that its file's ending asks for."""

import re
from collections.abc import Sequence
from pathlib import Path

from kgrec.errors import InputError
from kgrec.reporting.html import Section, page
from kgrec.reporting.tables import Table, render_csv, render_latex, render_markdown, render_text

ENDINGS = {".md": "markdown", ".tex": "latex", ".csv": "csv", ".html": "html", ".txt": "text"}
"""Ending of a file → format."""


def format_of(path: Path) -> str:
    """The format of a file.

    Raises:
        InputError: an ending that stands for none.
    """
    if path.suffix not in ENDINGS:
        raise InputError(f"{path}: found ending {path.suffix or 'none'!r}, expected {', '.join(ENDINGS)}")
    return ENDINGS[path.suffix]


def render_document(title: str, sections: Sequence[Section], output: str) -> str:
    """The whole document as text.

    Args:
        title: of the document; told where there is room for one.
        sections: in order; figures stand in HTML alone.
        output: one of the formats of :data:`ENDINGS`.
    """
    if output == "html":
        return page(title, [], sections)
    if output == "csv":
        return "\n".join(render_csv(table) for _, table in _tables(sections))
    parts: list[str] = []
    for section in sections:
        if output == "latex":
            parts += [f"% {line}" for line in (section.title, *section.text)]
            parts += [render_latex(table).rstrip() for _, table in section.tables]
        elif output == "markdown":
            parts += [f"## {section.title}", *section.text]
            parts += [part for pair in section.tables for part in _markdown(*pair)]
        else:
            parts += [section.title, *section.text]
            parts += [render_text(table).rstrip() for _, table in section.tables]
    return "\n\n".join(parts) + "\n"


def write_document(path: Path, title: str, sections: Sequence[Section]) -> list[Path]:
    """Write the document; of CSV, which holds one table, a file for each.

    Returns:
        The files: ``path`` and, where there are several tables, ``<stem>-<section>.csv`` beside it.

    Raises:
        InputError: an ending that stands for no format, or a file that cannot be written.
    """
    output = format_of(path)
    if output != "csv":
        write_whole(path, render_document(title, sections, output))
        return [path]
    files = []
    for number, (name, table) in enumerate(_tables(sections)):
        slug = re.sub(r"\W+", "-", name.lower()).strip("-")
        files.append(path if number == 0 else path.with_name(f"{path.stem}-{slug}.csv"))
        write_whole(files[-1], render_csv(table))
    return files


def write_whole(path: Path, content: str) -> None:
    """Write a text file under a temporary name, then rename.

    Raises:
        InputError: it cannot be written.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(content, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror})") from error


def _markdown(heading: str, table: Table) -> list[str]:
    return [*([f"### {heading}"] if heading else []), render_markdown(table).rstrip()]


def _tables(sections: Sequence[Section]) -> list[tuple[str, Table]]:
    return [(heading or section.title, table) for section in sections for heading, table in section.tables]
