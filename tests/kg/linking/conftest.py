"""A few films, and a graph that knows some of them."""

from collections.abc import Callable

import polars as pl
import pytest

from kgrec.kg.linking.base import LinkTask
from kgrec.kg.linking.graph_side import SAME_AS, GraphSide
from kgrec.kg.linking.item_side import item_side
from kgrec.kg.literals import LABEL_RELATIONS

FACTS = [
    ("x/heat", "director", "x/mann"),
    ("x/heat95", "director", "x/mann"),
    ("x/heat86", "director", "x/richards"),
    ("x/seven", "genre", "x/crime"),
    ("x/fly58", "genre", "x/horror"),
    ("x/fly86", "genre", "x/horror"),
    ("x/twin1", "genre", "x/drama"),
    ("x/twin2", "genre", "x/comedy"),
    ("y/matrix", SAME_AS, "z/matrix"),
    ("z/matrix", SAME_AS, "x/matrix"),
    ("x/matrix", SAME_AS, "y/matrix"),
    ("x/matrix", "genre", "x/action"),
]
LITERALS = [
    ("x/heat95", LABEL_RELATIONS[0], "Heat"),
    ("x/heat95", "releaseDate", "1995-12-15"),
    ("x/heat86", LABEL_RELATIONS[0], "Heat"),
    ("x/heat86", "releaseDate", "1986"),
    ("x/seven", LABEL_RELATIONS[0], "Seven (1995)"),
    ("x/seven", "imdb", "tt0114369"),
    ("x/fly58", LABEL_RELATIONS[0], "The Fly (1958)"),
    ("x/fly86", LABEL_RELATIONS[0], "The Fly (1986)"),
    ("x/twin1", LABEL_RELATIONS[0], "Twin (1990)"),
    ("x/twin2", LABEL_RELATIONS[0], "Twin (1990)"),
    ("x/drama", LABEL_RELATIONS[0], "Drama"),
    ("x/comedy", LABEL_RELATIONS[0], "Comedy"),
    ("x/horror", LABEL_RELATIONS[0], "Horror"),
]


@pytest.fixture
def graph() -> GraphSide:
    columns = ["head", "relation", "tail"]
    return GraphSide(
        pl.DataFrame(FACTS, schema=columns, orient="row"),
        pl.DataFrame(LITERALS, schema=columns, orient="row"),
    )


@pytest.fixture
def make_task(graph: GraphSide) -> Callable[..., LinkTask]:
    """Builds a task from rows (item, title, imdb, genres), and given links."""

    def make(*rows: tuple[str | None, ...], given: dict[str, str] | None = None) -> LinkTask:
        schema = dict.fromkeys(["item", "title", "imdb", "genres"], pl.String)
        table = pl.DataFrame([(*row, None, None, None)[:4] for row in rows], schema=schema, orient="row")
        links = pl.DataFrame(
            {"item": list(given or {}), "entity": list((given or {}).values())},
            schema={"item": pl.String, "entity": pl.String},
        )
        items = item_side(table, title="title", identifiers=["imdb"], attributes=["genres"], given=links)
        return LinkTask(items, graph)

    return make
