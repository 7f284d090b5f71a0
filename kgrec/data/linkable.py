"""What there is to link of a dataset: a table of items, a graph with its literals, links that are known."""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from kgrec.data.custom import Custom
from kgrec.data.dataset import DatasetSource
from kgrec.errors import InputError
from kgrec.kg.links import links_by_name


@dataclass(frozen=True)
class Linkable:
    """Items and a graph that are to be joined.

    Attributes:
        items: one row per item: ``item`` and whatever else is known; empty where there is no table.
        graph: ``head, relation, tail`` and, where literals are known, ``tail_is_literal``.
        links: ``item, entity``: links that are known, right or wrong.
        title: the column that people know an item by; ``None`` = there is none.
    """

    items: pl.DataFrame
    graph: pl.DataFrame
    links: pl.DataFrame
    title: str | None

    @property
    def facts(self) -> pl.DataFrame:
        """``head, relation, tail`` of the triples between entities."""
        graph = self.graph
        if "tail_is_literal" in graph.columns:
            graph = graph.filter(~pl.col("tail_is_literal"))
        return graph.select("head", "relation", "tail")


def linkable(source: DatasetSource, root: Path) -> Linkable:
    """Read what there is to link: the user's own files as they are, of other datasets what they load.

    Raises:
        InputError: own files without a graph, or a bad row.
    """
    if not isinstance(source, Custom):
        raw = source.load(root)
        return Linkable(raw.items, raw.triples, raw.links, "title")
    items, graph, links = source.linking_tables(root)
    if graph.is_empty():
        raise InputError("there is no graph: give data.source.kg")
    if items is None:
        items = pl.DataFrame(schema={"item": pl.String})
    if links is None:
        ends = pl.concat([graph["head"], graph["tail"]]).unique(maintain_order=True)
        links = links_by_name(items["item"].to_list(), ends.to_list())
    return Linkable(items, graph, links, "title" if "title" in items.columns else None)
