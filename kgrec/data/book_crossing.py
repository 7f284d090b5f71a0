"""Book-Crossing with LightKG's fixed split and the Satori graph in MCCLK's numbering.

Files: ``book-crossing.{train,valid,test}.inter`` user, ISBN, rating 4–10, and ``book-crossing.link`` ISBN,
entity (RecBole atomic); ``mcclk/kg_final.txt`` head, relation, tail (KGAT's format), entities as in the link.

ISBNs are strings: they have leading zeros, and an X at the end. LightKG's own ``book-crossing.kg`` holds the
same 151,500 triples with the relations spelled out; ten of the names are known from AdaKG's copy of it.
"""

from pathlib import Path

import polars as pl

from kgrec.data.dataset import DatasetCard, RawDataset
from kgrec.data.download import RemoteFile, fetch_from_urls
from kgrec.data.formats.kgat import read_triples
from kgrec.data.formats.recbole import read_interactions, read_links
from kgrec.data.isbn import isbn_facts
from kgrec.data.splits.base import PARTS

GITHUB = "https://raw.githubusercontent.com"
LIGHTKG = f"{GITHUB}/1371149/LightKG/4776f9aadfb3dfd3296665e4d6c9135baa02b6a2/dataset/book-crossing"
MCCLK = f"{GITHUB}/CCIIPLab/MCCLK/4b0d2843b73adbe816a7a5bb1788b4f4bcd777f4/data/book"
GRAPH = "mcclk/kg_final.txt"
FILES = {
    name: RemoteFile(origin=origin, sha256=sha256)
    for name, origin, sha256 in (
        (
            "book-crossing.train.inter",
            f"{LIGHTKG}/book-crossing.train.inter",
            "2013d9cbd01277790696d930432cf386a055bb3c3eb94c005e3ae2e512a3fee2",
        ),
        (
            "book-crossing.valid.inter",
            f"{LIGHTKG}/book-crossing.valid.inter",
            "13b998e48784ae2df4857a759dbc2811a7f469e51e9e630c4c8e267dfa382a38",
        ),
        (
            "book-crossing.test.inter",
            f"{LIGHTKG}/book-crossing.test.inter",
            "a287e696204a20baa9caafec752f3a23f73099e201cca33f723dff5e368dba62",
        ),
        (
            "book-crossing.link",
            f"{LIGHTKG}/book-crossing.link",
            "7d6d37ad3b322049244a8384a43b7b39b67f03f14c68298e7989c9a58a7bda6e",
        ),
        (GRAPH, f"{MCCLK}/kg_final.txt", "60a4a2c2e6f101fbbd5763c72be3ed4f565498e7f6c8660eb19fe598dc7158b2"),
    )
}
RELATION_NAMES = (
    "book.author.works_written",
    "book.written_work.author",
    "book.written_work.date_of_first_publication",
    "book.book.genre",
    "comic_books.publisher.comic_book_series_published",
    "book.written_work.literary_series",
    "book.literary_series.works_in_this_series",
    "comic_books.series.publisher",
    "book.author.series_written_or_contributed_to",
    "book.literary_series.author",
)
"""Names of the relations 0 to 9; the others, 31 triples in all, are called ``relation_<n>``."""

CARD = DatasetCard(
    origin="http://www2.informatik.uni-freiburg.de/~cziegler/BX/ "
    "(split: https://github.com/1371149/LightKG, graph: https://github.com/CCIIPLab/MCCLK)",
    licence="none stated: research use, cite Ziegler et al. 2005",
    version="Book-Crossing of 2004, split of LightKG (commit 4776f9a), graph of MCCLK (4b0d284)",
    citation="Ziegler et al. 2005, Improving Recommendation Lists Through Topic Diversification, WWW, "
    "https://doi.org/10.1145/1060745.1060754",
    published_counts={
        "users": 11_017,
        "items": 9058,
        "interactions": 24_644,
        "entities": 77_903,
        "relations": 25,
        "triples": 151_500,
    },
    notes=(
        "No titles. 862 books of test are in no training interaction. Most of the graph is said twice, "
        "forwards and backwards (drop_inverse_relations mends it); 14 % of it touches a linked book."
    ),
)


class BookCrossing:
    """Reader of Book-Crossing: all rows are positives, their ratings are only carried along.

    There is nothing to read of a book but its ISBN: titles and texts are null.

    Args:
        isbn_facts: add to the graph what the ISBNs tell (:func:`~kgrec.data.isbn.isbn_facts`). The published
            tables know nothing of it.
    """

    name = "book-crossing"
    card = CARD

    def __init__(self, isbn_facts: bool = False) -> None:
        self.isbn_facts = isbn_facts

    def is_present(self, root: Path) -> bool:
        """Whether all five files lie under ``root``."""
        return all((root / name).is_file() for name in FILES)

    def fetch(self, root: Path) -> None:
        """Download the files from the repositories that hold them."""
        fetch_from_urls(FILES, root)

    def load(self, root: Path) -> RawDataset:
        """Read the files under ``root``."""
        interactions = pl.concat(
            [
                read_interactions(root / f"book-crossing.{part}.inter").with_columns(split=pl.lit(part))
                for part in PARTS
            ]
        )
        links = read_links(root / "book-crossing.link")
        catalogue = pl.concat([links["item"], interactions["item"]]).unique(maintain_order=True)
        nothing = pl.lit(None, dtype=pl.String)
        triples = name_relations(read_triples(root / GRAPH))
        if self.isbn_facts:
            triples = pl.concat([triples, isbn_facts(links)])
        return RawDataset(
            name=self.name,
            interactions=interactions,
            items=catalogue.to_frame().with_columns(title=nothing, text=nothing),
            triples=triples,
            links=links,
            card=self.card,
        )


def name_relations(triples: pl.DataFrame) -> pl.DataFrame:
    """``head, relation, tail`` with names for the relations' numbers."""
    known = {str(number): name for number, name in enumerate(RELATION_NAMES)}
    number = pl.col("relation")
    return triples.with_columns(
        relation=number.replace_strict(known, default=pl.lit("relation_") + number, return_dtype=pl.String)
    )
