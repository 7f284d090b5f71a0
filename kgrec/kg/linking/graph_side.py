"""The graph as linking sees it: names, years, identifiers and facts of its entities."""

import re
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import unquote

import polars as pl

from kgrec.kg.linking.titles import comparable, parse_title
from kgrec.kg.literals import LABEL_RELATIONS

SAME_AS = "http://www.w3.org/2002/07/owl#sameAs"
YEAR_RELATIONS = (
    "year", "release_year", "date", "issued", "created", "datepublished", "releasedate", "release_date",
    "initial_release_date", "publication_date", "date_of_first_publication", "p577", "p571",
)  # fmt: skip
"""Local names, in lower case, of relations that tell when something came out."""

_YEAR = r"\b((?:1[5-9]|20)\d\d)(?:\b|-)"


@dataclass(frozen=True)
class GraphSide:
    """A graph and what its entities are called.

    Attributes:
        facts: ``head, relation, tail`` between entities.
        literals: ``head, relation, tail`` with a text as tail.
    """

    facts: pl.DataFrame
    literals: pl.DataFrame

    @classmethod
    def of(cls, frame: pl.DataFrame) -> "GraphSide":
        """From the frame of ``head, relation, tail``; without ``tail_is_literal`` there are no texts."""
        columns = ["head", "relation", "tail"]
        if "tail_is_literal" not in frame.columns:
            return cls(frame.select(columns), frame.select(columns).clear())
        is_literal = pl.col("tail_is_literal")
        return cls(frame.filter(~is_literal).select(columns), frame.filter(is_literal).select(columns))

    @cached_property
    def same_as(self) -> pl.DataFrame:
        """``head, tail`` of the owl:sameAs triples."""
        return self.facts.filter(pl.col("relation") == SAME_AS).select("head", "tail")

    @cached_property
    def entities(self) -> pl.Series:
        """Names of what an item can be: heads and tails of facts other than owl:sameAs, in file order."""
        facts = self.facts.filter(pl.col("relation") != SAME_AS)
        return pl.concat([facts["head"], facts["tail"]]).unique(maintain_order=True).alias("entity")

    @cached_property
    def names(self) -> pl.DataFrame:
        """:attr:`called` without entities that are a bare number: no artist called 112 is entity 112."""
        is_number = (pl.col("name") == pl.col("entity")) & pl.col("entity").str.contains(r"^\d+$")
        return self.called.filter(~is_number)

    @cached_property
    def called(self) -> pl.DataFrame:
        """``entity, name, year``, one row per name: labels, or what the entity's own name tells.

        The year is the earliest that a literal or fact of :data:`YEAR_RELATIONS` states, else the one in
        brackets behind the name; null where there is none.
        """
        labels = (
            self.literals.filter(pl.col("relation").is_in(LABEL_RELATIONS))
            .select(entity="head", name="tail")
            .join(self.entities.to_frame(), on="entity", how="semi")
        )
        bare = self.entities.to_frame().join(labels, on="entity", how="anti", maintain_order="left")
        local = bare.with_columns(name=pl.Series(map(local_name, bare["entity"]), dtype=pl.String))
        whole = bare.filter(~pl.col("entity").str.contains("://", literal=True)).with_columns(name="entity")
        names = pl.concat([labels, local, whole]).unique(maintain_order=True)
        behind = [parse_title(name).year for name in names["name"]]
        dated = names.with_columns(behind=pl.Series(behind, dtype=pl.Int64)).join(
            self._stated_years, on="entity", how="left", maintain_order="left"
        )
        return dated.select("entity", "name", year=pl.coalesce("stated", "behind"))

    @cached_property
    def identifiers(self) -> pl.DataFrame:
        """``entity, value``: every literal, and the local name of every entity."""
        literals = self.literals.select(entity="head", value="tail")
        local = [local_name(entity) for entity in self.entities]
        named = pl.DataFrame({"entity": self.entities, "value": pl.Series(local, dtype=pl.String)})
        known = literals.join(self.entities.to_frame(), on="entity", how="semi")
        return pl.concat([known, named]).unique(maintain_order=True)

    @cached_property
    def attributes(self) -> pl.DataFrame:
        """``entity, value``: names of the neighbours and literals other than labels, comparable."""
        facts = self.facts.filter(pl.col("relation") != SAME_AS)
        ends = pl.concat(
            [facts.select(entity="head", other="tail"), facts.select(entity="tail", other="head")]
        ).unique(maintain_order=True)
        of_neighbours = ends.join(self.called, left_on="other", right_on="entity").select(
            "entity", value="name"
        )
        texts = self.literals.filter(~pl.col("relation").is_in(LABEL_RELATIONS))
        both = pl.concat([of_neighbours, texts.select(entity="head", value="tail")])
        distinct = both["value"].unique(maintain_order=True)
        plain = pl.Series(map(comparable, distinct), dtype=pl.String)
        table = pl.DataFrame({"value": distinct, "plain": plain}).filter(pl.col("plain") != "")
        return both.join(table, on="value").select("entity", value="plain").unique(maintain_order=True)

    @property
    def _stated_years(self) -> pl.DataFrame:
        """``entity, stated``: the earliest year that the graph states."""
        said = pl.concat([self.facts, self.literals])
        relations = [r for r in said["relation"].unique() if local_name(r).lower() in YEAR_RELATIONS]
        return (
            said.filter(pl.col("relation").is_in(relations))
            .select(entity="head", stated=pl.col("tail").str.extract(_YEAR).cast(pl.Int64))
            .drop_nulls()
            .group_by("entity", maintain_order=True)
            .agg(pl.col("stated").min())
        )


def local_name(name: str) -> str:
    """What stands behind the last ``/``, ``#`` or ``:``, readable: ``dbr/The_Matrix`` → ``The Matrix``."""
    last = re.split(r"[/#:]", name.rstrip("/#"))[-1]
    return unquote(last).replace("_", " ") if "://" in name else last
