"""What came of linking, for people: coverage, what is unclear, a sample to check by eye, and the file."""

import os
from pathlib import Path

import polars as pl

from kgrec.kg.linking.base import LinkTask
from kgrec.kg.linking.linker import Linking, quality
from kgrec.kg.linking.same_as import same_as_classes
from kgrec.kg.linking.titles import parse_title
from kgrec.seed import numpy_generator

SHOWN = 5
"""Ambiguous items, conflicts and cycles that are named; the others are counted."""


def report(linking: Linking, task: LinkTask, *, sample: int, seed: int, hidden: pl.DataFrame | None) -> str:
    """A report for a terminal.

    Args:
        linking: the outcome.
        task: what it is the outcome of.
        sample: links drawn of each method to look at.
        seed: of the draw.
        hidden: ``item, entity``: known links that were hidden from the linker, to measure it by.
    """
    parts = [
        [*_coverage(linking), *_sides(task)],
        [] if hidden is None else _quality(linking, hidden),
        _cycles(task),
        _unclear("ambiguous: several entities fit", linking.ambiguous, "item", task),
        _unclear("refused: no fact agrees", linking.refused, "item", task),
        _unclear("shared: several items, one entity", linking.conflicts, "entity", task),
        _sample(linking, task, sample, seed),
    ]
    return "\n\n".join("\n".join(part) for part in parts if part)


def write_links(links: pl.DataFrame, path: Path) -> None:
    """Write ``item, entity, method, score`` as csv: the whole file or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        links.select("item", "entity", "method", "score").write_csv(temporary, float_precision=4)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _coverage(linking: Linking) -> list[str]:
    counts = dict(linking.links.group_by("method").len().iter_rows())
    total = max(linking.num_items, 1)
    lines = [
        f"{len(linking.links):,} of {linking.num_items:,} items linked ({len(linking.links) / total:.1%})"
    ]
    return lines + [
        f"  {name:<12}{counts.get(name, 0):>10,} ({counts.get(name, 0) / total:.1%})"
        for name in linking.methods
    ]


def _sides(task: LinkTask) -> list[str]:
    """What the two sides know of titles and years: without a year no pair is in time."""
    titles = [parse_title(title) for title in task.items.names["title"].drop_nulls()]
    behind = sum(title.year is not None for title in titles)
    years = max(behind, len(task.items.names.drop_nulls("year")))
    names = task.graph.names
    labelled = names.filter(pl.col("name") != pl.col("entity"))["entity"].n_unique()
    dated = names.drop_nulls("year")["entity"].n_unique()
    lines = [
        f"  items: {len(titles):,} with a title, {years:,} with a year; "
        f"entities: {len(task.graph.entities):,}, {labelled:,} with a name, {dated:,} with a year"
    ]
    if not years or not dated:
        lines.append(
            "  one side knows no year: title_year and fuzzy find nothing unless told "
            "--set title_year.needs_year=false"
        )
    return lines


def _quality(linking: Linking, hidden: pl.DataFrame) -> list[str]:
    lines = [f"against {len(hidden):,} hidden links (links of other items are not judged)"]
    for name in ("all", *linking.methods):
        links = linking.links if name == "all" else linking.links.filter(pl.col("method") == name)
        found = quality(links, hidden)
        if found.judged:
            lines.append(
                f"  {name:<12}precision {found.precision:.3f} ({found.right:,} of {found.judged:,}), "
                f"recall {found.recall:.3f} (of {found.known:,})"
            )
    return lines if len(lines) > 1 else [*lines, "  none was found again"]


def _cycles(task: LinkTask) -> list[str]:
    cycles = same_as_classes(task.graph.same_as).cycles
    if not cycles:
        return []
    lines = [f"owl:sameAs leads back to where it began, {len(cycles):,} times; each name was visited once"]
    return lines + [
        f"  {' → '.join([*cycle[:4], *(['…'] if len(cycle) > 4 else [])])}" for cycle in cycles[:SHOWN]
    ]


def _unclear(title: str, rows: pl.DataFrame, key: str, task: LinkTask) -> list[str]:
    """The first cases, one line each."""
    if rows.is_empty():
        return []
    other = "entity" if key == "item" else "item"
    cases = rows.group_by(key, maintain_order=True).agg(other)
    lines = [f"{title}: {len(cases):,} {'items' if key == 'item' else 'entities'}"]
    titles = _titles(task)
    for name, others in cases.head(SHOWN).iter_rows():
        shown = [
            other_name + titles.get(other_name, "") if key == "entity" else other_name
            for other_name in others
        ]
        more = [f"… and {len(shown) - SHOWN} more"] if len(shown) > SHOWN else []
        lines.append(
            f"  {name}{titles.get(name, '') if key == 'item' else ''}: {', '.join(shown[:SHOWN] + more)}"
        )
    return lines


def _sample(linking: Linking, task: LinkTask, size: int, seed: int) -> list[str]:
    """Links of each method, drawn at random: what they say on both sides."""
    if size == 0 or linking.links.is_empty():
        return []
    titles = _titles(task)
    first = task.graph.names.unique("entity", keep="first", maintain_order=True)
    called = dict(zip(first["entity"], first["name"], strict=True))
    lines = [f"a sample to check by eye (seed {seed})"]
    for method in linking.methods:
        links = linking.links.filter(pl.col("method") == method)
        generator = numpy_generator(seed, "kg", "linking", "sample", method)
        rows = sorted(generator.permutation(len(links))[:size].tolist())
        for item, entity, _, score, agreement in links[rows].iter_rows():
            facts = "" if agreement is None else f", facts {agreement:.2f}"
            name = called.get(entity, "no name")
            lines.append(f"  {method} {score:.2f}{facts}: {item}{titles.get(item, '')} = {entity} ({name})")
    return lines


def _titles(task: LinkTask) -> dict[str, str]:
    """Item → its title in brackets."""
    rows = task.items.names.drop_nulls("title").select("item", "title").iter_rows()
    return {item: f" ({title})" for item, title in rows}
