"""Triples and links in contiguous ids."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from kgrec.data.filters import change
from kgrec.data.ids import IdMap
from kgrec.kg.triples import drop_inverse_relations
from kgrec.shapes import IntArray, Triples


@dataclass(frozen=True)
class Knowledge:
    """The knowledge graph of a dataset, before it is joined with the interactions.

    Attributes:
        entities: all heads, tails and linked entities.
        relations: the relations that are left.
        triples: ``[T, 3]``, distinct.
        item_to_entity: ``[I]``, -1 = unlinked.
    """

    entities: IdMap
    relations: IdMap
    triples: Triples
    item_to_entity: IntArray


def align(
    triples: pl.DataFrame, links: pl.DataFrame, items: IdMap, drop_inverses_at: float | None
) -> tuple[Knowledge, list[str]]:
    """Give ids to entities and relations, in order of first appearance: heads, tails, then links.

    Args:
        triples: ``head, relation, tail``.
        links: ``item, entity``.
        items: the catalogue.
        drop_inverses_at: threshold of :func:`kgrec.kg.triples.drop_inverse_relations`, ``None`` = off.

    Returns:
        The knowledge, and one log line per step.
    """
    distinct = triples.select("head", "relation", "tail").unique(maintain_order=True)
    log = [f"duplicate triples dropped: {change(len(triples), len(distinct), 'triples')}"]
    links = _usable_links(links, items, log)
    if drop_inverses_at is not None:
        distinct = _without_inverses(distinct, links, drop_inverses_at, log)
    in_triples = pl.concat([distinct["head"], distinct["tail"]])
    entities = IdMap(pl.concat([in_triples, links["entity"]]).unique(maintain_order=True).to_list())
    relations = IdMap(distinct["relation"].unique(maintain_order=True).to_list())
    item_to_entity = np.full(len(items), -1, dtype=np.int64)
    item_to_entity[items.to_ids(links["item"].to_list())] = entities.to_ids(links["entity"].to_list())
    bare = links.join(pl.DataFrame({"entity": in_triples.unique()}), on="entity", how="anti")
    log.append(
        f"knowledge graph: {len(entities):,} entities, {len(relations):,} relations, {len(distinct):,} "
        f"triples; {len(links):,} of {len(items):,} items linked, {len(bare):,} of them to an entity "
        "without triples"
    )
    return Knowledge(entities, relations, _to_ids(distinct, entities, relations), item_to_entity), log


def _usable_links(links: pl.DataFrame, items: IdMap, log: list[str]) -> pl.DataFrame:
    """The first link of each item of the catalogue."""
    distinct = links.select("item", "entity").unique(maintain_order=True)
    known = distinct.filter(pl.Series(items.to_ids(distinct["item"].to_list()) >= 0, dtype=pl.Boolean))
    first = known.unique("item", keep="first", maintain_order=True)
    log.append(
        f"links dropped ({len(links) - len(distinct):,} repeated, {len(distinct) - len(known):,} of unknown "
        f"items, {len(known) - len(first):,} beyond an item's first): "
        f"{change(len(links), len(first), 'links')}"
    )
    return first


def _without_inverses(
    triples: pl.DataFrame, links: pl.DataFrame, threshold: float, log: list[str]
) -> pl.DataFrame:
    """The triples of the relations that :func:`drop_inverse_relations` keeps."""
    entities = IdMap(pl.concat([triples["head"], triples["tail"]]).unique(maintain_order=True).to_list())
    relations = IdMap(triples["relation"].unique(maintain_order=True).to_list())
    linked = entities.to_ids(links["entity"].to_list())
    is_item = np.zeros(len(entities), dtype=bool)
    is_item[linked[linked >= 0]] = True
    ids = _to_ids(triples, entities, relations)
    _, dropped = drop_inverse_relations(ids, len(relations), threshold, is_item)
    names = [relations.raw_ids[relation] for relation in dropped]
    kept = triples.filter(~pl.col("relation").is_in(names))
    backwards = kept.select(head="tail", tail="head").unique()
    lost = triples.filter(pl.col("relation").is_in(names)).join(backwards, on=["head", "tail"], how="anti")
    log.append(
        f"inverse relations dropped: {change(len(relations), len(relations) - len(dropped), 'relations')}, "
        f"{change(len(triples), len(kept), 'triples')}, {len(lost):,} of the dropped had no inverse"
        + (f" ({', '.join(names)})" if names else "")
    )
    return kept


def _to_ids(triples: pl.DataFrame, entities: IdMap, relations: IdMap) -> Triples:
    columns = (
        entities.to_ids(triples["head"].to_list()),
        relations.to_ids(triples["relation"].to_list()),
        entities.to_ids(triples["tail"].to_list()),
    )
    return np.stack(columns, axis=1)
