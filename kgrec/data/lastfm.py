"""Last.FM (hetrec 2011) with LightKG's fixed split and the Satori graph of KGNN-LS.

Files: ``lastfm.{train,valid,test}.inter`` user, artist, listening count, ``lastfm.kg`` and
``lastfm.link`` (RecBole atomic; raw hetrec ids); ``artists.dat`` id, name (UTF-8); for tags also
``tags.dat`` id, tag (latin-1) and ``user_taggedartists{,_2}.dat`` user, artist, tag, date: one table cut
in two; for descriptions ``colakg/llm_response_item.json`` internal item id, text, and
``colakg/item_map.txt`` raw id, internal id.
"""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from kgrec.data.dataset import DatasetCard, RawDataset
from kgrec.data.download import RemoteFile, fetch_from_urls
from kgrec.data.formats.colakg import read_texts
from kgrec.data.formats.kgat import read_numbers
from kgrec.data.formats.recbole import read_interactions, read_links, read_triples
from kgrec.data.formats.tsv import read_tsv
from kgrec.data.splits.base import PARTS
from kgrec.errors import InputError

GITHUB = "https://raw.githubusercontent.com"
LIGHTKG = f"{GITHUB}/1371149/LightKG/4776f9aadfb3dfd3296665e4d6c9135baa02b6a2/dataset/lastfm"
COLAKG = f"{GITHUB}/Movzr/CoLaKG-LastFM-Recommender/473dcc4a52e8965313d602b4c1f83409d48953e7/data/lastfm"
COLAKG_TEXTS = f"{GITHUB}/ziqiangcui/CoLaKG/7e1ce44945b2cfcb99ba36daf4b143e7a9704b84/data/lastfm"
ADMUSIC = f"{GITHUB}/rafaelpossas/admusic/afcc86fc14ec5d96091e6706c019889739896434/data"

GRAPH_FILES = {
    name: RemoteFile(origin=f"{folder}/{name}", sha256=sha256)
    for folder, name, sha256 in (
        (LIGHTKG, "lastfm.train.inter", "4a7e1c6d93a381d9c8f68046bb13d1e6ed29524e91cc886e20756de4574b4f9f"),
        (LIGHTKG, "lastfm.valid.inter", "e5f809fc58763d2cd0d3f815e2fb2f6fae7540602819f7623044d595bebd0e77"),
        (LIGHTKG, "lastfm.test.inter", "4a51069b1769e7419799ce5f7bb984433a4a97aa9d7879815774190ab781b0cf"),
        (LIGHTKG, "lastfm.kg", "bd5d4163cbf3358b1c46e33a503a2ac1773ae353b4e8af0fb19dbaada93fb4cf"),
        (LIGHTKG, "lastfm.link", "c5c654ea036cc6b397784e31e271186942fe21f47cc1317c15218c6d86b58b37"),
        (COLAKG, "artists.dat", "c173881362c6b28551368fecb3c0be5a6a30a6cd859e1f5775413dfe46d48648"),
    )
}
TAG_FILES = {
    name: RemoteFile(origin=f"{folder}/{name}", sha256=sha256)
    for folder, name, sha256 in (
        (COLAKG, "tags.dat", "e95175f259be4c0c47644ae23d66131cd6d5767142a1405000e79f5584691d70"),
        (
            ADMUSIC,
            "user_taggedartists.dat",
            "7d46ca9d9abfd2a5018d42e3f1ed21e04981d608c376cb12f7c7285a94c37f89",
        ),
        (
            ADMUSIC,
            "user_taggedartists_2.dat",
            "e2dd14c47c66201662f593acb825ff7de6239a84acb1f24c6fa01ac1ad6909d6",
        ),
    )
}
ITEM_MAP = "colakg/item_map.txt"
DESCRIPTIONS = "colakg/llm_response_item.json"
DESCRIPTION_FILES = {
    ITEM_MAP: RemoteFile(
        f"{COLAKG_TEXTS}/item_map.txt", "b0d1b7c9d080144fe6ffbb661ecb1f6a62edeafcee0689b78376f55547c18047"
    ),
    DESCRIPTIONS: RemoteFile(
        f"{COLAKG_TEXTS}/llm_response_item.json",
        "56abe631c110a3c6bb311a586ed742717cac7f2dc30887106a5606be2edf6140",
    ),
}

CARD = DatasetCard(
    origin="https://grouplens.org/datasets/hetrec-2011/ (split and graph: https://github.com/1371149/LightKG)",
    licence="hetrec 2011: non-commercial use, cite Last.fm and HetRec 2011",
    version="hetrec2011-lastfm-2k with the split of LightKG, commit 4776f9a",
    citation="Cantador, Brusilovsky and Kuflik 2011, HetRec workshop, https://doi.org/10.1145/2043932.2044016",
    published_counts={
        "users": 1872,
        "items": 3846,
        "interactions": 21_173,
        "entities": 9366,
        "relations": 60,
        "triples": 15_518,
        "linked_items": 3846,
        "train": 17_350,
        "valid": 1907,
        "test": 1916,
    },
    notes=(
        "Over half of the graph is about films. Tag assignments repeat 22 % of the valid and test pairs: "
        "they are dropped before tags become text (drop_tags_of)."
    ),
)


class LastFM:
    """Reader of Last.FM.

    An item's text is its name, followed by its most frequent tags and, where there is one, its description:
    ``"Portishead: trip-hop, female vocalists. Portishead is an English band …"``. A tag counts once per user
    who gave it; ties go by the alphabet. Descriptions are those that a language model wrote for CoLaKG
    (https://arxiv.org/abs/2410.12229); 801 of the 3,846 items have one, and none of the 202 items of test
    that are not in training. Most of them (2,182 of CoLaKG's 2,813) speak of the artist's tags, from which
    those of held-out pairs cannot be taken out: a gain from descriptions is an upper bound.

    Args:
        tags_per_item: at most this many tags in a text; 0 = names only, and the tag files are not needed.
        drop_tags_of: the parts of the fixed split ("train", "valid", "test") whose pairs are dropped from
            the tag assignments first, because a tag tells that the user knows the artist. Valid and test
            belong here; with another split than the given one, all three do.
        descriptions: add CoLaKG's descriptions; ``False`` = their files are not needed.

    Raises:
        InputError: a setting out of range.
    """

    name = "lastfm"
    card = CARD

    def __init__(self, tags_per_item: int, drop_tags_of: Sequence[str], descriptions: bool) -> None:
        if tags_per_item < 0:
            raise InputError(f"data.source.tags_per_item is {tags_per_item}; 0 (no tags) or more is needed")
        unknown = set(drop_tags_of) - set(PARTS)
        if unknown:
            raise InputError(
                f"data.source.drop_tags_of has {sorted(unknown)[0]!r}; known: {', '.join(PARTS)}"
            )
        self.tags_per_item = tags_per_item
        self.drop_tags_of = tuple(drop_tags_of)
        self.descriptions = descriptions
        self.files = (
            GRAPH_FILES | (TAG_FILES if tags_per_item else {}) | (DESCRIPTION_FILES if descriptions else {})
        )

    def is_present(self, root: Path) -> bool:
        """Whether all files lie under ``root``; those of tags and descriptions only where wanted."""
        return all((root / name).is_file() for name in self.files)

    def fetch(self, root: Path) -> None:
        """Download the files from the repositories that hold them."""
        fetch_from_urls(self.files, root)

    def load(self, root: Path) -> RawDataset:
        """Read the files under ``root``."""
        interactions = pl.concat(
            [
                read_interactions(root / f"lastfm.{part}.inter").with_columns(split=pl.lit(part))
                for part in PARTS
            ]
        )
        links = read_links(root / "lastfm.link")
        catalogue = pl.concat([links.select("item"), interactions.select("item")]).unique(maintain_order=True)
        items = catalogue.join(read_names(root), on="item", how="left", maintain_order="left")
        parts = ["title"]
        if self.tags_per_item:
            known = interactions.filter(pl.col("split").is_in(self.drop_tags_of))
            tags = most_frequent_tags(read_tag_assignments(root), known, self.tags_per_item)
            items = items.join(tags, on="item", how="left", maintain_order="left")
            parts.append("tags")
        text = pl.concat_str(parts, separator=": ", ignore_nulls=True)
        if self.descriptions:
            items = items.join(read_descriptions(root), on="item", how="left", maintain_order="left")
            text = pl.concat_str([text, "description"], separator=". ", ignore_nulls=True)
        return RawDataset(
            name=self.name,
            interactions=interactions,
            items=items.select("item", "title", text=text),
            triples=read_triples(root / "lastfm.kg"),
            links=links,
            card=self.card,
        )


def read_tag_assignments(root: Path) -> pl.DataFrame:
    """``user, item, tag`` (the tag's words) of both parts of the table, distinct."""
    parts = [
        _columns(root / name, {"userID": "user", "artistID": "item", "tagID": "tag_id"})
        for name in ("user_taggedartists.dat", "user_taggedartists_2.dat")
    ]
    words = _columns(root / "tags.dat", {"tagID": "tag_id", "tagValue": "tag"}, encoding="latin-1")
    joined = pl.concat(parts).join(words, on="tag_id", how="inner", maintain_order="left")
    return joined.select("user", "item", "tag").unique(maintain_order=True)


def most_frequent_tags(assignments: pl.DataFrame, leaked: pl.DataFrame, limit: int) -> pl.DataFrame:
    """The tags of each item by falling number of users who gave it, then by the alphabet.

    Args:
        assignments: ``user, item, tag``.
        leaked: ``user, item``: assignments of these pairs do not count.
        limit: at most this many tags per item.

    Returns:
        ``item, tags``, the tags joined by ", ".
    """
    counted = (
        assignments.join(leaked, on=["user", "item"], how="anti")
        .group_by("item", "tag")
        .len()
        .sort("item", "len", "tag", descending=[False, True, False])
    )
    return counted.group_by("item", maintain_order=True).agg(tags=pl.col("tag").head(limit).str.join(", "))


def read_descriptions(root: Path) -> pl.DataFrame:
    """``item, description`` of CoLaKG's items under their raw ids.

    The texts are keyed by CoLaKG's internal item ids, which are whole numbers as the raw ids are: read as raw
    ids they would describe other artists without any error. ``item_map.txt`` has the translation.

    Raises:
        InputError: a file is missing or malformed, or a text's key is not in the map.
    """
    raw_ids = read_numbers(root / ITEM_MAP, ("item", "id"))
    path = root / DESCRIPTIONS
    texts = read_texts(path, "internal item id")
    unknown = texts.join(raw_ids, on="id", how="anti")
    if len(unknown):
        raise InputError(
            f"{path}: {len(unknown)} keys are not in {ITEM_MAP}, the first is {unknown['id'][0]!r}; "
            "expected internal item ids"
        )
    return texts.join(raw_ids, on="id", how="inner", maintain_order="left").select("item", description="text")


def read_names(root: Path) -> pl.DataFrame:
    """``item, title``."""
    return _columns(root / "artists.dat", {"id": "item", "name": "title"}).unique(
        "item", keep="first", maintain_order=True
    )


def _columns(path: Path, names: dict[str, str], encoding: str = "utf-8") -> pl.DataFrame:
    """Some columns of a hetrec table, renamed."""
    table = read_tsv(path, encoding)
    missing = names.keys() - set(table.columns)
    if missing:
        raise InputError(f"{path}: line 1: no column {sorted(missing)[0]}; found {', '.join(table.columns)}")
    return table.select(*names).rename(names)
