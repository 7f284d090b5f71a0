"""``kgrec kg fetch``: a graph from a SPARQL endpoint."""

import logging
from collections.abc import Sequence
from pathlib import Path

from kgrec.cli import CommandParser
from kgrec.errors import InputError
from kgrec.kg.whole_file import whole_file

_LOG = logging.getLogger(__name__)


def main(arguments: Sequence[str]) -> int:
    """Bring the triples of a CONSTRUCT query, page by page."""
    parser = _parser()
    given = parser.parse_args(arguments)

    from kgrec.kg.fetch import Pages, fetch, find_query, links_of
    from kgrec.kg.sparql_client import SparqlClient

    if given.links and not given.ids:
        raise InputError("--links needs --ids: it joins their items to the entities found")
    ids = None if given.ids is None else _ids(given.ids, given.column, given.item_column)
    client = SparqlClient(given.endpoint, given.timeout, given.tries, given.wait)
    distinct = None if ids is None else tuple(dict.fromkeys(name for _, name in ids))
    fetched = fetch(
        client,
        Pages(find_query(given.query), distinct, given.page),
        given.out,
        lambda pages, triples: _LOG.info("page %d: %d triples so far", pages, triples),
    )
    print(f"{given.out}: {fetched.triples:,} triples in {fetched.pages:,} pages")
    if given.links and ids is not None:
        links = links_of(given.out, ids)
        _write_links(given.links, links)
        print(f"{given.links}: {len(links):,} of {len(ids):,} items linked")
    return 0


def _parser() -> CommandParser:
    parser = CommandParser(
        "kg fetch",
        "The triples of a CONSTRUCT query, in pages; an interrupted fetch goes on where it stopped.",
        "  kgrec kg fetch https://dbpedia.org/sparql facts.nt --query facts.rq\n"
        "  kgrec kg fetch https://query.wikidata.org/sparql films.nt --query wikidata-films \\\n"
        "      --ids films.csv --column imdb --links links.csv --page 50",
    )
    parser.add_argument("endpoint", help="address of the SPARQL endpoint")
    parser.add_argument("out", type=Path, metavar="OUT.nt", help="file to write")
    parser.add_argument(
        "--query", required=True, help="file of a CONSTRUCT query, or a recipe: wikidata-films, …"
    )
    parser.add_argument("--ids", type=Path, help="table of ids, which take the place of %%IDS%% in the query")
    parser.add_argument("--column", default="id", help="column of the ids (id)")
    parser.add_argument("--item-column", default="item", help="column of the items, for --links (item)")
    parser.add_argument("--links", type=Path, help="csv to write: item, entity found by its id")
    parser.add_argument("--page", type=int, default=1000, help="solutions, or ids, of one page (1000)")
    parser.add_argument("--timeout", type=float, default=60.0, help="seconds to wait for an answer (60)")
    parser.add_argument("--tries", type=int, default=5, help="tries of a page before giving up (5)")
    parser.add_argument(
        "--wait", type=float, default=2.0, help="seconds before the second try, doubled after (2)"
    )
    return parser


def _ids(path: Path, column: str, item_column: str) -> list[tuple[str, str]]:
    """Item and id of each row; the id is the item where there is no column of items."""
    import polars as pl

    from kgrec.data.formats.tables import read_all_columns, select_columns

    table = read_all_columns(path)
    item = item_column if item_column in table.columns else column
    rows = select_columns(
        table, path, {"item": pl.String, "id": pl.String}, columns={"item": item, "id": column}
    )
    return list(rows.iter_rows())


def _write_links(path: Path, links: Sequence[tuple[str, str]]) -> None:
    import polars as pl

    rows = pl.DataFrame(links, schema={"item": pl.String, "entity": pl.String}, orient="row")
    with whole_file(path) as temporary:
        rows.write_csv(temporary)
