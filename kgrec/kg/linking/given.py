"""Links that somebody has made."""

import polars as pl

from kgrec.kg.linking.base import LinkTask


class Given:
    """Takes the given links whose entity has facts in the graph; the others are left to other methods."""

    name = "given"
    is_certain = True

    def __call__(self, task: LinkTask) -> pl.DataFrame:
        """See :class:`kgrec.kg.linking.base.LinkMethod`."""
        known = task.items.given.join(task.graph.entities.to_frame(), on="entity", how="semi")
        return known.select("item", "entity", score=pl.lit(1.0)).unique(maintain_order=True)
