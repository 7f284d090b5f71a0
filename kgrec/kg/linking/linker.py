"""From items to entities: methods in order of trust, confirmed by facts where they are not certain."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from kgrec.kg.linking.base import LinkMethod, LinkTask
from kgrec.kg.linking.facts import with_agreement
from kgrec.progress import doing

ROWS = {
    "item": pl.String,
    "entity": pl.String,
    "method": pl.String,
    "score": pl.Float64,
    "agreement": pl.Float64,
}
"""Columns of every frame of a :class:`Linking`."""


@dataclass(frozen=True)
class Linking:
    """What came of linking; every frame has the columns :data:`ROWS`.

    Attributes:
        links: one row per linked item, in the order of the items.
        ambiguous: all close candidates of the items that were left without a link for that reason.
        refused: the best candidates that the facts speak against.
        methods: names of the methods, in order of trust.
        num_items: items there are.
    """

    links: pl.DataFrame
    ambiguous: pl.DataFrame
    refused: pl.DataFrame
    methods: tuple[str, ...]
    num_items: int

    @property
    def conflicts(self) -> pl.DataFrame:
        """The links of entities that several items link to, entity by entity."""
        return self.links.filter(pl.col("entity").is_duplicated()).sort("entity", maintain_order=True)


def link_items(
    task: LinkTask, methods: Sequence[LinkMethod], *, margin: float, min_agreement: float
) -> Linking:
    """Find the entity of each item.

    Each method sees the items that those before it left without a link. An item is linked to the method's
    best candidate unless another lies within ``margin`` of its score: then the one with which more of the
    item's known attributes agree is taken, and where that decides nothing, the item stays without a link,
    which later, less trusted methods do not change. A wrong link is worse than none.

    Args:
        task: all items, and the graph.
        methods: in order of trust.
        margin: scores closer than this are the same, 0 or more.
        min_agreement: share of an item's known attributes, [0, 1], that must be among the candidate's facts
            where both sides state some, the method is not certain and the score is below 1; 0 = the facts
            only decide between close candidates.

    Raises:
        ValueError: ``margin`` is negative, or ``min_agreement`` outside [0, 1].
    """
    if margin < 0:
        raise ValueError(f"margin is {margin}, expected 0 or more")
    if not 0 <= min_agreement <= 1:
        raise ValueError(f"min_agreement is {min_agreement}, expected a share in [0, 1]")
    items = task.items.names["item"]
    kinds: dict[str, list[pl.DataFrame]] = {"links": [], "ambiguous": [], "refused": []}
    open_items, taken = items, task.taken
    for method in methods:
        doing(f"linking by {method.name}")
        now = task.remaining(open_items, taken)
        found = with_agreement(method(now), now).with_columns(method=pl.lit(method.name)).select(list(ROWS))
        against = pl.col("agreement").fill_null(1.0) < (0.0 if method.is_certain else min_agreement)
        against = against & (pl.col("score") < 1)
        refused = found.filter(against)
        chosen, unclear = _decide(found.filter(~against), margin)
        for kind, frame in (("links", chosen), ("ambiguous", unclear), ("refused", refused)):
            kinds[kind].append(frame)
        done = pl.concat([chosen["item"], unclear["item"]])
        open_items = open_items.filter(~open_items.is_in(done.implode()))
        taken = taken | frozenset(chosen["entity"])
    order = pl.DataFrame({"item": items})
    links, ambiguous, refused = (
        order.join(
            pl.concat([pl.DataFrame(schema=ROWS), *kinds[kind]]), on="item", maintain_order="left_right"
        )
        for kind in ("links", "ambiguous", "refused")
    )
    return Linking(links, ambiguous, refused, tuple(method.name for method in methods), len(items))


def _decide(found: pl.DataFrame, margin: float) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The chosen candidate of each item, and all close ones of the items for which none can be chosen."""
    close = found.filter(pl.col("score") >= pl.col("score").max().over("item") - margin)
    agreement = pl.col("agreement").fill_null(-1.0)
    best = close.filter(agreement == agreement.max().over("item"))
    single = best.filter(pl.len().over("item") == 1)
    return single, close.join(single, on="item", how="anti", maintain_order="left")


@dataclass(frozen=True)
class Quality:
    """Links against links that are known.

    Attributes:
        judged: links of items of which the truth is known.
        right: those that are true.
        known: items that have a true entity in the graph.
    """

    judged: int
    right: int
    known: int

    @property
    def precision(self) -> float:
        """Share of the judged links that are right; NaN without any."""
        return self.right / self.judged if self.judged else float("nan")

    @property
    def recall(self) -> float:
        """Share of the items with a true entity that are linked to it; NaN without any."""
        return self.right / self.known if self.known else float("nan")


def quality(links: pl.DataFrame, truth: pl.DataFrame) -> Quality:
    """Precision and recall.

    Args:
        links: ``item, entity``.
        truth: ``item, entity``; an item with a null entity is known to be nowhere in the graph, and items
            that are not listed are not judged.
    """
    judged = links.join(truth.select("item", true="entity"), on="item")
    return Quality(
        judged=len(judged),
        right=int((judged["entity"] == judged["true"]).fill_null(False).sum()),
        known=int(truth["entity"].is_not_null().sum()),
    )
