"""Last.FM (hetrec 2011) as KGCN, KGNN-LS and RippleNet have it for click-through prediction.

Files: ``user_artists.dat`` user, artist, listening count (with a header); ``item_index2entity_id.txt``
artist, entity and ``kg.txt`` head, relation, tail (no header, CRLF line ends). Ids are raw hetrec ids.
"""

import logging
from pathlib import Path

import polars as pl

from kgrec.data.dataset import DatasetCard, RawDataset
from kgrec.data.download import RemoteFile, fetch_from_urls
from kgrec.data.formats.tsv import first_line_where, read_ids, read_tsv
from kgrec.errors import InputError

log = logging.getLogger(__name__)

KGNN_LS = (
    "https://raw.githubusercontent.com/hwwang55/KGNN-LS/3afd76361b623e9e38b822861c79bcd61dae41aa/data/music"
)

FILES = {
    name: RemoteFile(origin=f"{KGNN_LS}/{name}", sha256=sha256)
    for name, sha256 in (
        ("kg.txt", "f62bbc8f717c9f68e66dff6faeaa71025092acc11a0f1b4878b953eb05f946a9"),
        ("item_index2entity_id.txt", "f9693bdde538f755d09b9931b0be662a98965e538658a00c2050912c0adf487b"),
        ("user_artists.dat", "254272fa721c3935e8be286d28c051b206844307128698ab4eaa41d483379416"),
    )
}

CARD = DatasetCard(
    origin="https://grouplens.org/datasets/hetrec-2011/ (graph: https://github.com/hwwang55/KGNN-LS)",
    licence="hetrec 2011: non-commercial use, cite Last.fm and HetRec 2011",
    version="hetrec2011-lastfm-2k with the graph of KGNN-LS, commit 3afd763",
    citation="Cantador, Brusilovsky and Kuflik 2011, HetRec workshop, https://doi.org/10.1145/2043932.2044016",
    published_counts={
        "users": 1872,
        "items": 3846,
        "interactions": 21_173,
        "entities": 9366,
        "relations": 60,
        "triples": 15_518,
        "linked_items": 3846,
    },
    notes="The same pairs, graph and ids as lastfm, without its split, names and tags.",
)


class MusicCTR:
    """Reader of Last.FM for click-through prediction.

    Interactions are the listens of linked artists, whatever their count; those of other artists (77 % of
    the file) are no part of this dataset, as in the publications. There is no text.
    """

    name = "music-ctr"
    card = CARD

    def is_present(self, root: Path) -> bool:
        """Whether all files lie under ``root``."""
        return all((root / name).is_file() for name in FILES)

    def fetch(self, root: Path) -> None:
        """Download the files from the repository that holds them."""
        fetch_from_urls(FILES, root)

    def load(self, root: Path) -> RawDataset:
        """Read the files under ``root``."""
        links = read_ids(root / "item_index2entity_id.txt", ["item", "entity"])
        listens = _read_listens(root / "user_artists.dat")
        kept = listens.join(links, on="item", how="semi", maintain_order="left")
        log.info("%s: %d of %d listens are of linked artists", self.name, len(kept), len(listens))
        return RawDataset(
            name=self.name,
            interactions=kept,
            items=links.select(
                "item", title=pl.lit(None, dtype=pl.String), text=pl.lit(None, dtype=pl.String)
            ),
            triples=read_ids(root / "kg.txt", ["head", "relation", "tail"]),
            links=links,
            card=self.card,
        )


def _read_listens(path: Path) -> pl.DataFrame:
    """``user, item, rating``, the rating being the listening count."""
    table = read_tsv(path)
    names = {"userID": "user", "artistID": "item", "weight": "rating"}
    missing = names.keys() - set(table.columns)
    if missing:
        raise InputError(f"{path}: line 1: no column {sorted(missing)[0]}; found {', '.join(table.columns)}")
    listens = table.select(*names).rename(names).with_columns(pl.col("rating").cast(pl.Float64, strict=False))
    for name in listens.columns:
        if (empty := listens[name].is_null()).any():
            wanted = "a number" if name == "rating" else "an id"
            raise InputError(
                f"{path}: line {first_line_where(empty)}: {name} is empty or not readable; {wanted} is needed"
            )
    return listens
