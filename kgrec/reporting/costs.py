"""The table of costs: what arms of a study and runs of a group cost, side by side."""

from collections.abc import Mapping, Sequence
from typing import Any

from kgrec.reporting.tables import Table, Value

COSTS: tuple[tuple[str, str, float], ...] = (
    ("new_item_params", "params for a new item", 1),
    ("lm_params", "LM params", 1),
    ("lm_params_without_embeddings", "LM without embeddings", 1),
    ("graph_params", "graph side params", 1),
    ("lm_bytes", "LM MB", 2**20),
    ("deployed_bytes", "deployed MB", 2**20),
    ("new_item_flops", "MFLOP an item", 1e6),
    ("new_items_per_s", "new items/s", 1),
    ("new_item_ms", "ms a new item", 1),
    ("encode_items_per_s", "texts encoded/s", 1),
    ("embed_items_per_s", "items embedded/s", 1),
    ("lm_trained_params", "LM params trained", 1),
    ("lm_train_s", "LM train s", 1),
    ("lm_train_peak_mb", "LM train MB", 1),
    ("train_s", "train s", 1),
    ("peak_rss_mb", "peak MB", 1),
)
"""Key under ``cost/``, heading, unit."""


def cost_table(rows: Sequence[tuple[str, Mapping[str, Any]]]) -> Table:
    """One row per arm, one column per cost that any of them states.

    Args:
        rows: name and values by key, ``cost/…`` among them.
    """
    shown = [cost for cost in COSTS if any(row.get(f"cost/{cost[0]}") is not None for _, row in rows)]
    cells = [[name, *(_cost(row, key, unit) for key, _, unit in shown)] for name, row in rows]
    return Table(["arm", *(heading for _, heading, _ in shown)], cells, digits=1)


def _cost(row: Mapping[str, Any], key: str, unit: float) -> Value:
    if (value := row.get(f"cost/{key}")) is None:
        return None
    number = float(value) / unit
    return round(number) if number >= 100 or number.is_integer() else number
