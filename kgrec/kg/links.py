"""Links: which entity of the graph an item is."""

import difflib
from collections.abc import Callable, Collection

import polars as pl

from kgrec.errors import InputError

_MAX_COMPARED = 20_000  # names compared for the nearest one: difflib needs about 10 µs for each


def check_links(
    links: pl.DataFrame,
    items: Collection[str],
    entities: Collection[str],
    row_name: Callable[[int], str],
) -> None:
    """Refuse links that would be lost or ambiguous.

    Args:
        links: ``item, entity`` (strings), in file order.
        items: item ids of the catalogue.
        entities: names of the entities in the triples.
        row_name: row index → how to name that row to its author, e.g. ``links.csv, line 7``.

    Raises:
        InputError: the first row whose item is linked twice, whose item is unknown, or whose entity is in
            no triple; the message names the row and what would be right.
    """
    seen: dict[str, int] = {}
    known_items, known_entities = set(items), set(entities)
    for row, (item, entity) in enumerate(links.select("item", "entity").iter_rows()):
        if item in seen:
            raise InputError(
                f"{row_name(row)}: item {item!r} is linked a second time, first in {row_name(seen[item])}; "
                "an item has at most one entity"
            )
        seen[item] = row
        if item not in known_items:
            raise InputError(
                f"{row_name(row)}: item {item!r} is in neither the items nor the interactions; "
                f"{_expected(item, known_items)}"
            )
        if entity not in known_entities:
            raise InputError(
                f"{row_name(row)}: entity {entity!r} is in no triple; {_expected(entity, known_entities)}"
            )


def links_by_name(items: Collection[str], entities: Collection[str]) -> pl.DataFrame:
    """Link each item whose id is the name of an entity.

    Returns:
        ``item, entity``, one row per such item, in the order of ``items``.
    """
    known = set(entities)
    same = [item for item in items if item in known]
    return pl.DataFrame({"item": same, "entity": same}, schema={"item": pl.String, "entity": pl.String})


def _expected(name: str, known: set[str]) -> str:
    """The nearest known name, or some examples where none is near."""
    if not known:
        return "there is none"
    in_order = sorted(known)
    near = difflib.get_close_matches(name, in_order, n=1, cutoff=0.8) if len(known) <= _MAX_COMPARED else []
    if near:
        return f"nearest: {near[0]!r}"
    return f"expected one such as {', '.join(repr(known_name) for known_name in in_order[:3])}"
