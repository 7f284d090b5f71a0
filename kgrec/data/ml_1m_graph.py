"""Facts about the films of MovieLens-1M from four sources that share its ids.

Each source gives triples ``head, relation, tail`` in which a film of the dataset is ``ml-1m:item/<raw id>``:

- ``genres``: the genres of ``movies.dat``.
- ``imdb5000``: ``imdb5000.csv`` (director, actors, genres, plot keywords, language, country), joined by
  ``links.csv``. Its votes, scores, likes, gross and review counts are never read: they tell how many people
  liked a film, which is what a recommender is asked to predict.
- ``freebase``: ML-100K's Freebase graph. The keys of RecBole's ``ml-100k.link``, wrong for ML-100K, are the
  ids that ML-1M uses.
- ``mkr``: the Satori graph of MKR (Wang et al., WWW 2019), ``mkr-kg/``.
"""

from collections.abc import Callable
from pathlib import Path

import polars as pl

from kgrec.data.download import RemoteFile
from kgrec.data.formats.kgat import read_numbers
from kgrec.data.formats.recbole import read_links
from kgrec.data.formats.recbole import read_triples as read_atomic_triples
from kgrec.data.formats.tables import read_table
from kgrec.data.formats.tsv import read_ids
from kgrec.errors import InputError

GITHUB = "https://raw.githubusercontent.com"
MKR = f"{GITHUB}/hwwang55/MKR/d6bb77c426960bc04f5d88c39f09d87a844776b4/data/movie"
IMDB = f"{GITHUB}/LucasIssler/movie_metadata.csv/107a52b73fc33df9d53990e6e498d0cd22a6ebcd/movie_metadata.csv"
LINKS = f"{GITHUB}/fzn0728/recommendation/23efc5305c52d4ddc824dae153b23b2c058e7c48/ml-latest-small/links.csv"
FREEBASE, FREEBASE_LINKS = "ml-100k.kg", "ml-100k.link"

GRAPH_FILES = {
    "imdb5000": {
        "imdb5000.csv": RemoteFile(IMDB, "10a1d0869446bf0c6b86b4b7adf9361851fef3dfcc3fb0de95f56b6da175d7f1"),
        "links.csv": RemoteFile(LINKS, "43a1bd034acb25dc59149eee2999f5e6817113e334853fbe6e36998972b10706"),
    },
    "mkr": {
        "mkr-kg/kg.txt": RemoteFile(
            f"{MKR}/kg.txt", "60d0a28e8646423654b47a36b4438dcd70a87ac90a7d1512ef0cf59f19c869a9"
        ),
        "mkr-kg/item_index2entity_id.txt": RemoteFile(
            f"{MKR}/item_index2entity_id.txt",
            "ba88da11d2fffdcea4fc0d73f1fd16f5478d8fcfb362e16331dc30cceea81f60",
        ),
    },
}
"""What each source of facts needs beside the dataset's own files; Freebase's come from ML-100K."""

IMDB_RELATIONS = {
    "director_name": "imdb.director",
    "actor_1_name": "imdb.actor",
    "actor_2_name": "imdb.actor",
    "actor_3_name": "imdb.actor",
    "genres": "imdb.genre",
    "plot_keywords": "imdb.keyword",
    "language": "imdb.language",
    "country": "imdb.country",
}
"""Column of ``imdb5000.csv`` → relation. What is not named here is not read."""

PEOPLE = ("imdb.director", "imdb.actor")
"""Relations that share their entities: who acts may direct."""


def genre_facts(root: Path, items: pl.DataFrame) -> pl.DataFrame:
    """The genres of ``items`` (``item, genres``)."""
    listed = items.select("item", "genres").explode("genres").drop_nulls()
    return listed.select(
        head=item_entity(), relation=pl.lit("genre"), tail=pl.lit("genre:") + pl.col("genres")
    )


def imdb_facts(root: Path, items: pl.DataFrame) -> pl.DataFrame:
    """The facts of ``imdb5000.csv`` about ``items``.

    Raises:
        InputError: a file is missing or malformed.
    """
    table = _read_imdb(root / "imdb5000.csv")
    ids = read_table(
        root / "links.csv",
        required={"item": pl.String, "imdb": pl.String},
        columns={"item": "movieId", "imdb": "imdbId"},
    )
    films = ids.join(table, on="imdb", how="inner", maintain_order="left").join(items, on="item", how="semi")
    long = pl.concat(
        [
            films.select(
                "item",
                relation=pl.lit(relation),
                value=pl.col(column).str.split("|"),
            )
            .explode("value")
            .drop_nulls()
            for column, relation in IMDB_RELATIONS.items()
        ]
    ).with_columns(pl.col("value").str.strip_chars())
    kind = pl.when(pl.col("relation").is_in(PEOPLE)).then(pl.lit("imdb.person")).otherwise("relation")
    return long.filter(pl.col("value") != "").select(
        head=item_entity(), relation="relation", tail=kind + ":" + pl.col("value")
    )


def freebase_facts(root: Path, items: pl.DataFrame) -> pl.DataFrame:
    """ML-100K's Freebase triples, with the films of ``items`` under their own entities.

    Raises:
        InputError: a file is missing or malformed.
    """
    folder = freebase_folder(root) or root
    links = read_links(folder / FREEBASE_LINKS).join(items, on="item", how="semi")
    named = dict(zip(links["entity"], links.select(item_entity()).to_series(), strict=True))
    triples = read_atomic_triples(folder / FREEBASE)
    return triples.with_columns(pl.col("head", "tail").replace(named))


def mkr_facts(root: Path, items: pl.DataFrame) -> pl.DataFrame:
    """MKR's Satori triples about ``items``.

    Raises:
        InputError: a file is missing or malformed.
    """
    triples = read_ids(root / "mkr-kg" / "kg.txt", ["entity", "relation", "tail"])
    links = read_numbers(root / "mkr-kg" / "item_index2entity_id.txt", ("item", "entity"))
    about = triples.join(links, on="entity", how="inner", maintain_order="left").join(
        items, on="item", how="semi"
    )
    return about.select(
        head=item_entity(), relation=pl.lit("mkr.") + pl.col("relation"), tail=pl.lit("mkr:") + pl.col("tail")
    )


GRAPHS: dict[str, Callable[[Path, pl.DataFrame], pl.DataFrame]] = {
    "genres": genre_facts,
    "imdb5000": imdb_facts,
    "freebase": freebase_facts,
    "mkr": mkr_facts,
}
"""Name of a source of facts → its reader: folder, ``items [item, genres]`` → ``head, relation, tail``."""


def item_entity() -> pl.Expr:
    """The entity of each ``item``."""
    return pl.lit("ml-1m:item/") + pl.col("item")


def freebase_folder(root: Path) -> Path | None:
    """Where ML-100K's graph lies: under ``root`` (fetched there) or in the folder ``ml-100k`` beside it."""
    for folder in (root, root.parent / "ml-100k"):
        if all((folder / name).is_file() for name in (FREEBASE, FREEBASE_LINKS)):
            return folder
    return None


def _read_imdb(path: Path) -> pl.DataFrame:
    """``imdb`` (seven digits) and the columns of :data:`IMDB_RELATIONS`; a film listed twice counts once."""
    try:
        table = pl.read_csv(path, separator=";", infer_schema=False)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except pl.exceptions.PolarsError as error:
        raise InputError(
            f"{path}: not a table separated by semicolons ({str(error).splitlines()[0]})"
        ) from error
    needed = ("movie_imdb_link", *IMDB_RELATIONS)
    missing = [name for name in needed if name not in table.columns]
    if missing:
        raise InputError(f"{path}: line 1: no column {missing[0]}; found {', '.join(table.columns)}")
    films = table.select(
        imdb=pl.col("movie_imdb_link").str.extract(r"tt(\d{7})"), **{n: n for n in IMDB_RELATIONS}
    )
    return films.drop_nulls("imdb").unique("imdb", keep="first", maintain_order=True)
