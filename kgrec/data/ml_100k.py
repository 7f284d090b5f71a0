"""MovieLens-100K with RecBole's Freebase links, repaired.

Files (RecBole atomic, from the wheel of ``recbole==1.2.1``): ``ml-100k.inter`` user, item, rating 1–5,
timestamp (s); ``ml-100k.item`` title without year, year, genres; ``ml-100k.kg`` Freebase triples;
``ml-100k.link`` item to entity.

The shipped links are keyed by the movie ids of the later MovieLens releases, not by ML-100K's item ids
(RUCAIBox/RecSysDatasets issue 130): item 1 is right by chance, most others point to another film.
``ml_100k_movielens_ids.csv`` beside this file maps 1,670 of the 1,682 items to those ids by title and
year; ``data/ml-100k/derive_movielens_ids.py`` made it. 1,538 items are then linked.
"""

from dataclasses import replace
from pathlib import Path

import polars as pl

from kgrec.data.dataset import DatasetCard, RawDataset
from kgrec.data.download import RemoteFile, fetch_from_wheel
from kgrec.data.formats.recbole import read_atomic, read_interactions, read_links, read_triples
from kgrec.data.text_template import TextTemplate

WHEEL = "recbole==1.2.1"
FOLDER = "recbole/dataset_example/ml-100k"
FILES = {
    name: RemoteFile(origin=f"{FOLDER}/{name}", sha256=sha256)
    for name, sha256 in {
        "ml-100k.inter": "4edb74e2a81178c2ba9ff381495f754f996c4aea351b1272ca36b43da0935eff",
        "ml-100k.item": "51d7cdf777ce5c0f5b32c1d947a4a81fe07d75e78abbe761e0cd4d0756064532",
        "ml-100k.kg": "200a0636fa07c218119a42e5bac7aa3e26e3665a6f919c1b22909bd412b14779",
        "ml-100k.link": "524dca2c3d62619688ab99b3ec53ea2acb9b64d38eafec3e02bdd0dc6bb7d948",
    }.items()
}
MOVIELENS_IDS = Path(__file__).with_name("ml_100k_movielens_ids.csv")
NO_GENRE = "unknown"
NO_TITLE = "unkonwn"
"""How the files spell the title of item 267, about which nothing is known."""

CARD = DatasetCard(
    origin="https://grouplens.org/datasets/movielens/100k/ (Freebase links: https://github.com/RUCDM/KB4Rec)",
    licence="GroupLens: research use, citation, no redistribution without permission, no commercial use",
    version="MovieLens 100K of April 1998 as in recbole 1.2.1",
    citation="Harper and Konstan 2015, The MovieLens Datasets, ACM TiiS 5(4), https://doi.org/10.1145/2827872",
    notes=(
        "The shipped links are keyed by the ids of later MovieLens releases (repair_links mends them). "
        "18 films are listed twice under two ids. Item 267 has no title."
    ),
)


class ML100K:
    """Reader of MovieLens-100K.

    An item's entity is the one it links to; with ``genres_in_graph`` an item without a link gets an entity
    of its own, ``ml-100k:item/<id>``, for its genres to hang on.

    Args:
        text: template of the text that the language model reads, of ``{title}``, ``{year}``, ``{genres}``
            (genres separated by ", "). A year that is unknown is left out with its brackets.
        repair_links: translate the keys of the links to ML-100K's item ids; ``False`` = as shipped.
        genres_in_graph: add a triple (item's entity, ``genre``, ``genre:<name>``) for each genre.

    Raises:
        InputError: ``text`` is no template.
    """

    name = "ml-100k"

    def __init__(self, text: str, repair_links: bool, genres_in_graph: bool) -> None:
        self.text = TextTemplate(text)
        self.repair_links = repair_links
        self.genres_in_graph = genres_in_graph
        self.card = _card(repair_links, genres_in_graph)

    def is_present(self, root: Path) -> bool:
        """Whether all four files lie under ``root``."""
        return all((root / name).is_file() for name in FILES)

    def fetch(self, root: Path) -> None:
        """Take the files out of RecBole's wheel."""
        fetch_from_wheel(WHEEL, FILES, root)

    def load(self, root: Path) -> RawDataset:
        """Read the files under ``root``."""
        items = _read_items(root / "ml-100k.item")
        triples = read_triples(root / "ml-100k.kg")
        links = read_links(root / "ml-100k.link")
        if self.repair_links:
            links = repair_links(links)
        if self.genres_in_graph:
            links, triples = _add_genres(items, links, triples)
        return RawDataset(
            name=self.name,
            interactions=read_interactions(root / "ml-100k.inter"),
            items=_with_text(items, self.text),
            triples=triples,
            links=links,
            card=self.card,
        )


def repair_links(links: pl.DataFrame) -> pl.DataFrame:
    """Translate links ``item, entity`` keyed by MovieLens ids to ML-100K's item ids; others are dropped."""
    table = pl.read_csv(MOVIELENS_IDS, infer_schema=False)
    joined = table.join(links, left_on="movielens_id", right_on="item", how="inner", maintain_order="left")
    return joined.select(item="ml_100k_id", entity="entity")


def _card(repaired: bool, with_genres: bool) -> DatasetCard:
    """The card with those published counts that hold under the options."""
    counts = {"users": 943, "items": 1682, "interactions": 100_000}
    if not with_genres:
        counts |= {"entities": 34_628, "relations": 24, "triples": 91_631}
        if not repaired:
            counts["linked_items"] = 1598
    return replace(CARD, published_counts=counts)


def _read_items(path: Path) -> pl.DataFrame:
    """``item, title, year, genres``: null where unknown, genres as lists."""
    required = {"item_id": "token", "movie_title": "token_seq", "release_year": "token", "class": "token_seq"}
    table = read_atomic(path, required)
    genres = pl.col("class").fill_null("").str.split(" ")
    return table.select(
        item="item_id",
        title=pl.col("movie_title").replace(NO_TITLE, None),
        year=pl.when(pl.col("release_year").str.contains(r"^\d{4}$")).then("release_year"),
        genres=genres.list.eval(pl.element().filter(~pl.element().is_in(["", NO_GENRE]))),
    )


def _with_text(items: pl.DataFrame, template: TextTemplate) -> pl.DataFrame:
    """``item, title, text``; the title shown is "Title (year)"."""
    fields = items.with_columns(genres=pl.col("genres").list.join(", "))
    return pl.DataFrame(
        {
            "item": items["item"],
            "title": _render(TextTemplate("{title} ({year})"), fields),
            "text": _render(template, fields),
        }
    )


def _render(template: TextTemplate, fields: pl.DataFrame) -> pl.Series:
    """The template with each item's fields; an unknown year is left out with its brackets."""
    return template.render(fields, "ml-100k.item").str.replace("()", "", literal=True).str.strip_chars()


def _add_genres(
    items: pl.DataFrame, links: pl.DataFrame, triples: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Links with minted entities for unlinked items that have a genre, and triples with the genres."""
    listed = items.select("item", "genres").explode("genres").drop_nulls()
    unlinked = (
        listed.select("item")
        .unique(maintain_order=True)
        .join(links, on="item", how="anti", maintain_order="left")
    )
    minted = unlinked.with_columns(entity=pl.lit("ml-100k:item/") + pl.col("item"))
    links = pl.concat([links, minted])
    facts = listed.join(links, on="item", how="inner", maintain_order="left").select(
        head="entity", relation=pl.lit("genre"), tail=pl.lit("genre:") + pl.col("genres")
    )
    return links, pl.concat([triples, facts.unique(maintain_order=True)])
