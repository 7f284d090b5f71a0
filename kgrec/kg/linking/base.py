"""What linking knows: the items' side, the graph's side, and what a method is."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import polars as pl

from kgrec.kg.linking.graph_side import GraphSide
from kgrec.shapes import FloatArray

CANDIDATES = {"item": pl.String, "entity": pl.String, "score": pl.Float64}
"""What a method returns; scores in (0, 1]."""

Encode = Callable[[list[str]], FloatArray]
"""Texts → ``[n, D]`` vectors; a row of zeros where nothing is found in the text."""


@dataclass(frozen=True)
class ItemSide:
    """What is known of the items.

    Attributes:
        names: ``item, title, year``, one row per item; title and year may be null.
        identifiers: ``item, value``: what else the item is called in other catalogues.
        attributes: ``item, value``: genres, authors and the like.
        given: ``item, entity``: links that somebody has made; they may lead nowhere.
    """

    names: pl.DataFrame
    identifiers: pl.DataFrame
    attributes: pl.DataFrame
    given: pl.DataFrame

    def only(self, items: pl.Series) -> "ItemSide":
        """The same of some items."""
        keep = pl.col("item").is_in(items.implode())
        return ItemSide(*(getattr(self, name).filter(keep) for name in self.__dataclass_fields__))


@dataclass(frozen=True)
class LinkTask:
    """What a method sees: the items still to be linked, and the graph.

    Attributes:
        items: those without a link so far.
        graph: the whole graph.
        taken: entities that a method of more trust has given away.
        encode: a language model, for the methods that ask for one.
    """

    items: ItemSide
    graph: GraphSide
    taken: frozenset[str] = frozenset()
    encode: Encode | None = None

    def remaining(self, items: pl.Series, taken: frozenset[str]) -> "LinkTask":
        """The same for the ``items`` that are still without a link."""
        return replace(self, items=self.items.only(items), taken=taken)

    @cached_property
    def free_names(self) -> pl.DataFrame:
        """``entity, name, year`` of entities that are not taken."""
        return self.graph.names.filter(~pl.col("entity").is_in(list(self.taken)))


class LinkMethod(Protocol):
    """One way to find the entity of an item.

    Attributes:
        name: as in ``conf/linking`` and in the column ``method`` of the links.
        is_certain: whether a link of this method stands without a look at the facts.
    """

    name: str
    is_certain: bool

    def __call__(self, task: LinkTask) -> pl.DataFrame:
        """Candidates ``item, entity, score`` of the task's items, in any order, one row per pair."""
        ...


def candidates(rows: list[tuple[str, str, float]]) -> pl.DataFrame:
    """Rows as a frame of candidates; of a repeated pair the best score stays."""
    frame = pl.DataFrame(rows, schema=CANDIDATES, orient="row")
    return frame.group_by("item", "entity", maintain_order=True).agg(pl.col("score").max())
