"""Literals put to use: titles and texts for people and language models, numbers and dates for the graph.

All functions are pure and take the frame of :func:`kgrec.kg.rdf.read_statements`, of which they look at rows
with a datatype alone.
"""

import re
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import polars as pl

LABEL_RELATIONS = (
    "http://www.w3.org/2000/01/rdf-schema#label",
    "http://www.w3.org/2004/02/skos/core#prefLabel",
    "http://schema.org/name",
    "https://schema.org/name",
    "http://xmlns.com/foaf/0.1/name",
    "http://purl.org/dc/terms/title",
    "http://purl.org/dc/elements/1.1/title",
)
"""Relations whose literal tail names the head, the most telling first."""
DESCRIPTION_RELATIONS = (
    "http://dbpedia.org/ontology/abstract",
    "http://schema.org/description",
    "https://schema.org/description",
    "http://purl.org/dc/terms/description",
    "http://purl.org/dc/elements/1.1/description",
    "http://www.w3.org/2000/01/rdf-schema#comment",
)
"""Relations whose literal tail describes the head, the most telling first."""

_XSD = "http://www.w3.org/2001/XMLSchema#"
STRING = _XSD + "string"
"""Datatype of a text without a language."""
_INTEGERS = (
    "integer nonNegativeInteger positiveInteger nonPositiveInteger negativeInteger long int short byte "
    "unsignedLong unsignedInt unsignedShort unsignedByte"
)
NUMBERS = tuple(_XSD + name for name in f"decimal double float {_INTEGERS}".split())
"""Datatypes of numbers."""
DATES = tuple(_XSD + name for name in ("gYear", "gYearMonth", "date", "dateTime", "dateTimeStamp"))
"""Datatypes that begin with a year."""
_DATE = r"^(?<year>-?\d{4,})(?:-(?<month>\d{2})(?:-(?<day>\d{2}))?)?"


def in_languages(statements: pl.DataFrame, languages: Sequence[str]) -> pl.DataFrame:
    """Of the texts that a relation gives of a head, those in the best language that there are.

    ``en`` takes ``en-GB`` too. Texts without a tag are taken where there is none in a language asked for,
    unless the list places them itself, as ``""``. Texts in other languages are dropped. Numbers, dates and
    triples between entities stay.

    Args:
        statements: ``head, relation, tail, datatype, language``.
        languages: tags, the best first.
    """
    tag = pl.col("language").fill_null("").str.to_lowercase()
    rank = pl.lit(None, dtype=pl.Int32)
    for place, language in reversed(list(enumerate([*languages, *([] if "" in languages else [""])]))):
        matches = tag == language.lower()
        if language:
            matches |= tag.str.starts_with(f"{language.lower()}-")
        rank = pl.when(matches).then(pl.lit(place, dtype=pl.Int32)).otherwise(rank)
    is_text = pl.col("datatype").is_not_null() & ~pl.col("datatype").is_in([*NUMBERS, *DATES])
    ranked = statements.with_columns(rank=pl.when(is_text).then(rank), text=is_text)
    best = pl.col("rank").min().over("head", "relation")
    return ranked.filter(~pl.col("text") | (pl.col("rank") == best)).drop("rank", "text")


def first_literals(statements: pl.DataFrame, relations: Sequence[str]) -> dict[str, str]:
    """Head → its literal of the relation that stands first in ``relations``; then file order decides.

    Literals of nothing but white space do not count.
    """
    order = pl.DataFrame({"relation": relations}, schema={"relation": pl.String}).with_row_index("rank")
    best = (
        statements.filter(pl.col("datatype").is_not_null() & (pl.col("tail").str.strip_chars() != ""))
        .join(order, on="relation", maintain_order="left")
        .sort("rank", maintain_order=True)
        .unique("head", keep="first", maintain_order=True)
    )
    return dict(zip(best["head"].to_list(), best["tail"].str.strip_chars().to_list(), strict=True))


def numeric_attributes(statements: pl.DataFrame) -> pl.DataFrame:
    """``head, relation, value`` (f64) of numbers and of dates, which count as years.

    A date is year + (month − 1) / 12 + (day − 1) / 372, so that order and distance are those of the calendar
    to within days. Literals that are not what their datatype says, and ones that are not finite, are dropped.
    """
    date = pl.col("tail").str.extract_groups(_DATE).struct
    year, month, day = (date.field(name).cast(pl.Float64) for name in ("year", "month", "day"))
    in_years = year + (month.fill_null(1) - 1) / 12 + (day.fill_null(1) - 1) / 372
    number = pl.col("tail").str.strip_chars().cast(pl.Float64, strict=False)
    value = (
        pl.when(pl.col("datatype").is_in(NUMBERS))
        .then(number)
        .when(pl.col("datatype").is_in(DATES))
        .then(in_years)
    )
    return statements.select("head", "relation", value=value).filter(pl.col("value").is_finite())


def quantile_bins(attributes: pl.DataFrame, bins: int) -> pl.DataFrame:
    """Triples that join each head to the bin of its value, one set of bins for each relation.

    Bins hold about as many values each; a relation of at most ``bins`` distinct values has one for each. They
    are named by the end of the relation's name and the range, as in ``year:[1990, 1995)``: a type in front,
    as :mod:`kgrec.text.facts` reads it, and brackets, which no address has.

    Args:
        attributes: ``head, relation, value``.
        bins: of a relation, at least 2.

    Returns:
        ``head, relation, tail``, in the order of ``attributes``.

    Raises:
        ValueError: fewer than 2 bins.
    """
    if bins < 2:
        raise ValueError(f"bins is {bins}, expected 2 or more")
    tails = np.empty(len(attributes), dtype=object)
    relations = attributes["relation"].to_numpy()
    values = attributes["value"].to_numpy()
    for relation, kind in relation_kinds(
        attributes["relation"].unique(maintain_order=True).to_list()
    ).items():
        rows = np.flatnonzero(relations == relation)
        tails[rows] = [f"{kind}:{name}" for name in _bin_names(values[rows], bins)]
    tail = pl.Series("tail", tails.tolist(), dtype=pl.String)
    return attributes.select("head", "relation").with_columns(tail)


def relation_kinds(relations: Sequence[str]) -> dict[str, str]:
    """A short name for each relation, no two alike: ``http://films/year`` → ``year``."""
    kinds: dict[str, str] = {}
    for relation in relations:
        end = re.split(r"[/#:.]+", relation.rstrip("/#:."))[-1].lower()
        kind = re.sub(r"[^a-z0-9_]+", "_", end).lstrip("0123456789_") or "value"
        taken, number = set(kinds.values()), 1
        while (numbered := kind if number == 1 else f"{kind}_{number}") in taken:
            number += 1
        kinds[relation] = numbered
    return kinds


def _bin_names(values: np.ndarray, bins: int) -> list[str]:
    distinct = np.unique(values)
    if len(distinct) <= bins:
        return [f"[{value:.10g}]" for value in values.tolist()]
    edges = np.unique(np.quantile(values, np.linspace(0, 1, bins + 1)))
    names = [f"[{low:.10g}, {high:.10g})" for low, high in pairwise(edges.tolist())]
    names[-1] = names[-1][:-1] + "]"
    return [names[place] for place in np.searchsorted(edges[1:-1], values, side="right").tolist()]
