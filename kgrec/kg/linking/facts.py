"""Do the facts agree? What is known of an item against what the graph tells of a candidate."""

import polars as pl

from kgrec.kg.linking.base import LinkTask


def with_agreement(candidates: pl.DataFrame, task: LinkTask) -> pl.DataFrame:
    """Candidates with a column ``agreement``.

    Of the item's attributes (comparable texts), A are those that the graph tells of any entity, F what it
    tells of the candidate: its literals and the names of its neighbours. The agreement is |A ∩ F| / |A|;
    null where A or F is empty. So a graph of bare numbers, or one that calls a genre by another word, speaks
    against nobody.

    Args:
        candidates: ``item, entity, score``.
        task: whose items and graph they are of.
    """
    known = task.items.attributes.join(task.graph.attributes, on="value", how="semi")
    facts = task.graph.attributes.join(candidates.select("entity").unique(), on="entity", how="semi")
    stated = known.group_by("item").agg(stated=pl.len())
    told = facts.group_by("entity").agg(told=pl.len())
    shared = (
        candidates.join(known, on="item")
        .join(facts, on=["entity", "value"], how="semi")
        .group_by("item", "entity")
        .agg(shared=pl.len())
    )
    return (
        candidates.join(stated, on="item", how="left", maintain_order="left")
        .join(told, on="entity", how="left", maintain_order="left")
        .join(shared, on=["item", "entity"], how="left", maintain_order="left")
        .select(
            "item",
            "entity",
            "score",
            agreement=pl.when(pl.col("told") > 0).then(pl.col("shared").fill_null(0) / pl.col("stated")),
        )
    )
