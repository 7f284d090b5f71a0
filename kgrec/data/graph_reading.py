"""What is taken of a graph file: triples, and of its literals titles, texts and numbers."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from kgrec.data.dataset import NUMBERS
from kgrec.data.formats.tables import read_table
from kgrec.errors import InputError
from kgrec.kg.attributes import SCALES
from kgrec.kg.literals import (
    DESCRIPTION_RELATIONS,
    LABEL_RELATIONS,
    first_literals,
    in_languages,
    numeric_attributes,
    quantile_bins,
    relation_kinds,
)
from kgrec.kg.rdf import read_statements
from kgrec.kg.statements import LISTS, READABLE, format_ending
from kgrec.kg.store import ENDING

_LOG = logging.getLogger(__name__)
_TABLES = (".csv", ".parquet")
TRIPLES = {"head": pl.String, "relation": pl.String, "tail": pl.String}


@dataclass(frozen=True)
class GraphFacts:
    """What a graph file says.

    Attributes:
        triples: ``head, relation, tail`` between entities, bins of numbers among them.
        titles: entity → what people call it.
        texts: entity → label and description, as in ``Heat. A thief and a detective …``.
        numbers: ``head, relation, value, scale`` of numbers that become columns of items.
    """

    triples: pl.DataFrame
    titles: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    numbers: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=NUMBERS))

    def entities(self) -> list[str]:
        """All that a link may lead to: heads and tails of triples, and what has a title, text or number."""
        named = pl.Series([*self.titles, *self.texts], dtype=pl.String)
        return (
            pl.concat([self.triples["head"], self.triples["tail"], named, self.numbers["head"]])
            .unique(maintain_order=True)
            .to_list()
        )

    def describe(self, items: pl.DataFrame, links: pl.DataFrame) -> pl.DataFrame:
        """Items with the graph's titles and texts where they have none of their own.

        Args:
            items: ``item, title, text``.
            links: ``item, entity``; linked items that ``items`` lacks are put behind it.
        """
        if not self.titles and not self.texts:
            return items
        rows = [
            (item, self.titles.get(entity), self.texts.get(entity))
            for item, entity in links.select("item", "entity").iter_rows()
        ]
        told = pl.DataFrame(rows, schema=["item", "told_title", "told_text"], orient="row").cast(pl.String)
        listed = items.join(told, on="item", how="full", coalesce=True, maintain_order="left_right")
        return listed.select("item", *(_own_or_told(name) for name in ("title", "text")))


class GraphReading:
    """How a graph file is read.

    Args:
        graphs: IRIs of the named graphs that are read, ``default`` for the one without a name; ``None`` =
            all.
        titles: whether labels become the titles of items that have none.
        texts: whether labels and descriptions become the text of items that have none.
        title_relations: relations of labels, the most telling first; ``None`` = the well-known ones.
        text_relations: relations of descriptions, the most telling first; ``None`` = the well-known ones.
        languages: language tags, the best first (:func:`kgrec.kg.literals.in_languages`); ``None`` = the
            first text in the file.
        bins: numbers and dates become entities, so many for each relation; 0 = they do not.
        attributes: numbers and dates become columns of items (:mod:`kgrec.kg.attributes`), on this scale; or
            relation, by its whole name or the end of it → scale, for these alone; ``None`` = they do not.

    Raises:
        InputError: fewer than 2 bins, an empty list, or an unknown scale.
    """

    def __init__(
        self,
        graphs: Sequence[str] | None,
        titles: bool,
        texts: bool,
        title_relations: Sequence[str] | None,
        text_relations: Sequence[str] | None,
        languages: Sequence[str] | None,
        bins: int,
        attributes: str | Mapping[str, str] | None = None,  # runs older than this setting do not give it
    ) -> None:
        if bins == 1 or bins < 0:
            raise InputError(f"reading.bins is {bins}; 0 (off) or 2 and more are needed")
        lists = {
            "graphs": graphs,
            "title_relations": title_relations,
            "text_relations": text_relations,
            "languages": languages,
        }
        for name, given in lists.items():
            if given is not None and (isinstance(given, str) or not given):
                raise InputError(f"reading.{name} is {given!r}; a list such as [a, b], or null is needed")
        self._attributes = dict(attributes) if isinstance(attributes, Mapping) else attributes
        scales = self._attributes.values() if isinstance(self._attributes, dict) else [attributes]
        for scale in scales:
            if attributes is not None and scale not in SCALES:
                raise InputError(
                    f"reading.attributes: found {scale!r}, expected one of {', '.join(SCALES)}, or one for "
                    "each relation, as in {year: linear}"
                )
        self._graphs = None if graphs is None else list(graphs)
        self._titles, self._texts, self._bins = titles, texts, bins
        self._title_relations = list(title_relations or LABEL_RELATIONS)
        self._text_relations = list(text_relations or DESCRIPTION_RELATIONS)
        self._languages = None if languages is None else list(languages)

    def read(self, path: Path) -> GraphFacts:
        """Read the file.

        Raises:
            InputError: unknown ending, a malformed file, one without a triple between entities or an
                attribute, or a relation of ``attributes`` that gives no number.
        """
        if format_ending(path) in _TABLES:
            facts = GraphFacts(read_table(path, required=TRIPLES))
        else:
            facts = self._of_statements(self.statements(path), path)
        if facts.triples.is_empty() and facts.numbers.is_empty():
            raise InputError(f"{path}: no triple between entities; set kg to null to go without a graph")
        return facts

    def statements(self, path: Path) -> pl.DataFrame:
        """All that the file says: ``head, relation, tail`` and of literals ``datatype, language``.

        Raises:
            InputError: unknown ending, or a malformed file.
        """
        ending = format_ending(path)
        if ending in _TABLES:
            nothing = pl.lit(None, dtype=pl.String)
            return read_table(path, required=TRIPLES).with_columns(datatype=nothing, language=nothing)
        if ending in (ENDING, *READABLE, *LISTS):
            return read_statements(path, self._graphs)
        known = ", ".join((*READABLE, ENDING, *LISTS, *_TABLES))
        raise InputError(f"{path}: unknown ending; a graph is one of {known}")

    def _of_statements(self, statements: pl.DataFrame, path: Path) -> GraphFacts:
        is_literal = statements["datatype"].is_not_null()
        triples, literals = statements.filter(~is_literal), statements.filter(is_literal)
        triples = triples.select(list(TRIPLES))
        spoken = literals if self._languages is None else in_languages(literals, self._languages)
        labels = first_literals(spoken, self._title_relations)
        descriptions = first_literals(spoken, self._text_relations)
        texts = {
            entity: ". ".join(filter(None, (labels.get(entity), descriptions.get(entity))))
            for entity in {**labels, **descriptions}
        }
        facts = GraphFacts(
            triples=pl.concat([triples, self._binned(literals)]),
            titles=labels if self._titles else {},
            texts=texts if self._texts else {},
            numbers=self._numbers(literals, path),
        )
        _LOG.info(
            "%s: %d triples, %d literals (%d in other languages): %d titles, %d texts, %d numbers and dates "
            "in bins, %d as columns; all others are left out",
            path, len(triples), len(literals), len(literals) - len(spoken),
            len(facts.titles), len(facts.texts), len(facts.triples) - len(triples), len(facts.numbers),
        )  # fmt: skip
        return facts

    def _binned(self, literals: pl.DataFrame) -> pl.DataFrame:
        if self._bins == 0:
            return pl.DataFrame(schema=TRIPLES)
        return quantile_bins(numeric_attributes(literals), self._bins)

    def _numbers(self, literals: pl.DataFrame, path: Path) -> pl.DataFrame:
        """``head, relation, value, scale`` of the attributes that are asked for."""
        if self._attributes is None:
            return pl.DataFrame(schema=NUMBERS)
        values = numeric_attributes(literals)
        relations = values["relation"].unique(maintain_order=True).to_list()
        if isinstance(self._attributes, str):
            scales = dict.fromkeys(relations, self._attributes)
        else:
            ends = {end: name for name, end in relation_kinds(relations).items()} | {
                name: name for name in relations
            }
            if unknown := [name for name in self._attributes if name not in ends]:
                raise InputError(
                    f"reading.attributes: {path} gives no number by {unknown[0]!r}; relations that do: "
                    f"{', '.join(relations) or 'none'}"
                )
            scales = {ends[name]: scale for name, scale in self._attributes.items()}
        scale = pl.col("relation").replace_strict(scales, default=None, return_dtype=pl.String)
        return values.with_columns(scale=scale).drop_nulls("scale")


def _own_or_told(name: str) -> pl.Expr:
    own = pl.col(name)
    return pl.when(own.str.strip_chars() != "").then(own).otherwise(pl.col(f"told_{name}")).alias(name)
