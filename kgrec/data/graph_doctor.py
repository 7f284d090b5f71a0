"""What is wrong with a graph? Names, relations, links, hubs, leaks and owl:sameAs, in a report for people."""

import numpy as np
import polars as pl

from kgrec.data.dataset import RawDataset, RecDataset
from kgrec.data.doctor import (
    Report,
    Section,
    count_section,
    hub_section,
    leak_section,
    link_section,
    use_section,
)
from kgrec.kg.linking.graph_side import SAME_AS
from kgrec.kg.linking.same_as import same_as_classes
from kgrec.kg.shaping.symmetric import symmetry
from kgrec.kg.triples import inverse_coverage
from kgrec.shapes import Triples

INVERSE_AT = 0.95
"""Share of a relation's triples that another lists backwards where the two are called inverses."""

PREFIXES = (
    "dbo", "dbp", "dbr", "dc", "dcterms", "ex", "foaf", "owl", "rdf", "rdfs", "schema", "skos", "wd", "wdt",
    "xsd",
)  # fmt: skip
"""Prefixes in common use: a name that begins with one of them was never written out in full."""

SHOWN = 3
"""Examples given of one finding."""


def diagnose_graph(raw: RawDataset, dataset: RecDataset) -> Report:
    """Look for what is wrong with the graph of a dataset; reads only, takes seconds.

    Args:
        raw: the dataset as read.
        dataset: the same, prepared.
    """
    return Report(
        raw.name,
        (
            count_section(raw),
            *graph_sections(raw.triples, raw.links),
            link_section(raw),
            hub_section(dataset),
            leak_section(raw, dataset),
            use_section(dataset),
        ),
    )


def graph_sections(triples: pl.DataFrame, links: pl.DataFrame) -> list[Section]:
    """What can be said without interactions.

    Args:
        triples: ``head, relation, tail``.
        links: ``item, entity``.
    """
    return [_names(triples), _relations(triples, links), _same_as(triples, links)]


def _names(triples: pl.DataFrame) -> Section:
    section = Section("Triples and names")
    columns = triples.select("head", "relation", "tail")
    missing = columns.filter(pl.any_horizontal(pl.all().fill_null("").str.strip_chars() == ""))
    section.problem_if(len(missing) > 0, f"{len(missing):,} triples without a head, relation or tail")
    repeated = len(columns) - columns.n_unique()
    section.problem_if(repeated > 0, f"{repeated:,} triples repeat another")
    loops = columns.filter(pl.col("head") == pl.col("tail"))
    section.note(f"{len(loops):,} triples are self loops, which the graph leaves out")
    names = pl.concat([columns[end] for end in columns.columns]).drop_nulls().unique(maintain_order=True)
    short = names.filter(names.str.contains(rf"^({'|'.join(PREFIXES)}):[^/]"))
    section.problem_if(
        len(short) > 0, f"{len(short):,} names begin with an undeclared prefix{_such_as(short.to_list())}"
    )
    padded = names.filter(names != names.str.strip_chars())
    section.problem_if(
        len(padded) > 0, f"{len(padded):,} names begin or end with a blank{_such_as(padded.to_list())}"
    )
    return section


def _relations(triples: pl.DataFrame, links: pl.DataFrame) -> Section:
    section = Section("Relations")
    distinct = triples.select("head", "relation", "tail").drop_nulls().unique(maintain_order=True)
    distinct = distinct.filter(pl.col("relation") != SAME_AS)  # it has a section of its own
    sizes = distinct.group_by("relation", maintain_order=True).len()
    section.note(f"{len(sizes):,} relations")
    single = sizes.filter(pl.col("len") == 1)["relation"].to_list()
    section.problem_if(len(single) > 0, f"{len(single):,} relations have one triple only{_such_as(single)}")
    names = sizes["relation"].to_list()
    ids = _numbered(distinct, names)
    listed = inverse_coverage(ids, len(names)) >= INVERSE_AT
    for one, other in np.argwhere(np.triu(listed | listed.T)).tolist():
        section.note(f"{names[one]} and {names[other]} say the same, one backwards")
    shares = symmetry(ids, len(names)).tolist()
    partly = [
        f"{name} ({share:.1%})" for name, share in zip(names, shares, strict=True) if 0 < share < INVERSE_AT
    ]
    for name, share in zip(names, shares, strict=True):
        if share >= INVERSE_AT:
            section.note(f"{name} is symmetric")
    section.problem_if(
        len(partly) > 0,
        f"{len(partly):,} relations hold in both directions for some pairs, not for most{_such_as(partly)}",
    )
    both = _used_both_ways(distinct, links)
    section.problem_if(
        len(both) > 0,
        f"{len(both):,} relations between items and others have the item now as head, now as tail"
        f"{_such_as([f'{name} ({heads:,} and {tails:,})' for name, heads, tails in both])}",
    )
    return section


def _numbered(triples: pl.DataFrame, relations: list[str]) -> Triples:
    """``[T, 3]`` in ids of this function's own."""
    entities = pl.concat([triples["head"], triples["tail"]]).unique(maintain_order=True)
    columns = []
    for column, names in (("head", entities), ("relation", relations), ("tail", entities)):
        ids = pl.Series(range(len(names)), dtype=pl.Int64)
        columns.append(triples[column].replace_strict(names, ids, return_dtype=pl.Int64).to_numpy())
    return np.stack(columns, axis=1) if len(triples) else np.empty((0, 3), dtype=np.int64)


def _used_both_ways(triples: pl.DataFrame, links: pl.DataFrame) -> list[tuple[str, int, int]]:
    """Relation, triples with an item as head, and as tail, where there are both and none joins two items."""
    linked = links["entity"].unique().implode()
    head, tail = pl.col("head").is_in(linked), pl.col("tail").is_in(linked)
    counts = (
        triples.group_by("relation", maintain_order=True)
        .agg(heads=head.sum(), tails=tail.sum(), joined=(head & tail).sum())
        .filter((pl.col("heads") > 0) & (pl.col("tails") > 0) & (pl.col("joined") == 0))
        .select("relation", "heads", "tails")
    )
    return [(name, heads, tails) for name, heads, tails in counts.iter_rows()]


def _same_as(triples: pl.DataFrame, links: pl.DataFrame) -> Section:
    section = Section("owl:sameAs")
    same = triples.filter(pl.col("relation") == SAME_AS).select("head", "tail").drop_nulls()
    classes = same_as_classes(same)
    section.note(f"{len(same):,} triples, {len(classes.members):,} classes of names that mean the same")
    section.problem_if(
        len(classes.cycles) > 0,
        f"{len(classes.cycles):,} times it leads back to where it began"
        f"{_such_as([' → '.join(cycle[:4]) for cycle in classes.cycles])}",
    )
    of_class = links.select(
        "item",
        group=pl.col("entity").replace_strict(
            list(classes.class_of), list(classes.class_of.values()), default=None, return_dtype=pl.Int64
        ),
    ).drop_nulls()
    shared = of_class.group_by("group", maintain_order=True).agg("item").filter(pl.col("item").list.len() > 1)
    examples = [" = ".join(items[:4]) for items in shared["item"].to_list()]
    section.problem_if(
        len(shared) > 0, f"{len(shared):,} classes are linked by several items{_such_as(examples)}"
    )
    return section


def _such_as(examples: list[str]) -> str:
    if not examples:
        return ""
    return f": {', '.join(examples[:SHOWN])}{' …' if len(examples) > SHOWN else ''}"
