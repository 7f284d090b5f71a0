"""What an ISBN tells of a book: its publisher, and the block of the publisher's numbers that it stands in."""

import polars as pl
from stdnum import isbn

PUBLISHER, BLOCK = "isbn.publisher", "isbn.block"
BLOCK_DIGITS = 3
"""Leading digits of a title number that make a block: books of one author, series or season get numbers close
to each other."""


def isbn_facts(links: pl.DataFrame) -> pl.DataFrame:
    """Facts of books from their ISBNs alone (ISBN Users' Manual, 7th edition, section 4).

    The number 0-7432-2709-3 is a book of the publisher 0-7432 and of its block 0-7432-270.

    Args:
        links: ``item, entity``; items are ISBNs of 10 or 13 digits, without hyphens. Others tell nothing.

    Returns:
        ``head, relation, tail``: for each entity one fact of each kind, in the order of ``links``.
    """
    rows = []
    for number, entity in links.select("item", "entity").iter_rows():
        if not isbn.is_valid(number):
            continue
        _, group, registrant, title, _ = isbn.split(isbn.to_isbn13(number))
        if not registrant:  # a range that the agency has not handed out
            continue
        publisher = f"{group}-{registrant}"
        rows.append((entity, PUBLISHER, publisher))
        rows.append((entity, BLOCK, f"{publisher}-{title[:BLOCK_DIGITS]}"))
    return pl.DataFrame(rows, schema=dict.fromkeys(("head", "relation", "tail"), pl.String), orient="row")
