"""Filters of interactions. Each returns the rows that stay, in their order, and one log line."""

import polars as pl

from kgrec.errors import InputError


def keep_rated_at_least(interactions: pl.DataFrame, threshold: float) -> tuple[pl.DataFrame, str]:
    """Keep the rows with ``rating >= threshold``: the positives.

    Raises:
        InputError: there is no rating, or not in every row.
    """
    if "rating" not in interactions.columns:
        raise InputError(
            f"data.rating_threshold is {threshold}, but the interactions have no ratings; set it to null"
        )
    missing = interactions["rating"].null_count()
    if missing:
        raise InputError(
            f"data.rating_threshold is {threshold}, but {missing} of {len(interactions)} interactions have "
            "no rating; give all a rating or set it to null"
        )
    kept = interactions.filter(pl.col("rating") >= threshold)
    return kept, f"rating >= {threshold}: {change(len(interactions), len(kept), 'interactions')}"


def drop_duplicates(interactions: pl.DataFrame) -> tuple[pl.DataFrame, str]:
    """Keep one row per user and item: the earliest, or the first in the file where no times are known.

    Raises:
        InputError: the data comes with a split, and a pair is in two of its parts.
    """
    if "split" in interactions.columns:
        parts = interactions.group_by("user", "item").agg(pl.col("split").n_unique())
        leaked = len(parts.filter(pl.col("split") > 1))
        if leaked:
            raise InputError(
                f"interactions: {leaked} pairs of user and item are in two parts of the given split; "
                "a pair may be in one part only"
            )
    rows = interactions.with_row_index("row")
    if "timestamp" in interactions.columns:
        rows = rows.sort("timestamp", maintain_order=True, nulls_last=True)
    kept = rows.unique(["user", "item"], keep="first", maintain_order=True).sort("row").drop("row")
    return kept, f"duplicate pairs dropped: {change(len(interactions), len(kept), 'interactions')}"


def keep_core(interactions: pl.DataFrame, k: int) -> tuple[pl.DataFrame, str]:
    """Keep the k-core: the largest set in which each user and each item has at least k interactions.

    Raises:
        InputError: nothing is left.
    """
    kept, before = interactions, -1
    while len(kept) != before:
        before = len(kept)
        kept = kept.filter(pl.len().over("item") >= k).filter(pl.len().over("user") >= k)
    if len(kept) == 0:
        raise InputError(f"data.k_core is {k}: no interaction is left; choose a smaller k")
    counts = ", ".join(
        change(interactions[column].n_unique(), kept[column].n_unique(), column + "s")
        for column in ("user", "item")
    )
    return kept, f"{k}-core: {change(len(interactions), len(kept), 'interactions')}, {counts}"


def change(before: int, after: int, what: str) -> str:
    """``"100,000 → 55,375 interactions"``."""
    return f"{before:,} → {after:,} {what}"
