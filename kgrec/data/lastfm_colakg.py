"""Last.FM (hetrec 2011) on CoLaKG's own split, with its descriptions and the Satori graph of LightKG.

Files, in the folder of ``lastfm``: ``colakg/{train,test}.txt`` and ``colakg/{user,item}_map.txt`` (see
:mod:`kgrec.data.formats.colakg`), ``colakg/llm_response_item.json`` internal item id, text; ``artists.dat``
id, name; ``lastfm.kg`` and ``lastfm.link``.
"""

from pathlib import Path

from kgrec.data.dataset import DatasetCard, RawDataset
from kgrec.data.download import RemoteFile, fetch_from_urls
from kgrec.data.formats.colakg import read_colakg_interactions
from kgrec.data.formats.kgat import read_numbers
from kgrec.data.formats.recbole import read_links, read_triples
from kgrec.data.lastfm import COLAKG_TEXTS, DESCRIPTION_FILES, GRAPH_FILES, read_descriptions, read_names

FILES = {
    **{name: GRAPH_FILES[name] for name in ("lastfm.kg", "lastfm.link", "artists.dat")},
    **DESCRIPTION_FILES,
    **{
        f"colakg/{name}": RemoteFile(f"{COLAKG_TEXTS}/{name}", sha256)
        for name, sha256 in (
            ("train.txt", "3ee2422f9d37d7ce6d91e5fc2c40571917db7ef0670e9dc7ba33837453d9c06b"),
            ("test.txt", "53f58c1191fc680eedcb4fe25d3925247a38a27d9e7b6cb6c3876c4371bf7632"),
            ("user_map.txt", "e8d45a0657850fdd5eebfc60fbd27f51aee016777e693d9deba4fdfddaa5ff7d"),
        )
    },
}

CARD = DatasetCard(
    origin="https://grouplens.org/datasets/hetrec-2011/ (split and texts: https://github.com/ziqiangcui/CoLaKG)",
    licence="hetrec 2011: non-commercial use, cite Last.fm and HetRec 2011",
    version="hetrec2011-lastfm-2k with the split of CoLaKG, commit 7e1ce44",
    citation=(
        "Cui et al. 2025, Comprehending Knowledge Graphs with Large Language Models for Recommender "
        "Systems, SIGIR, https://arxiv.org/abs/2410.12229"
    ),
    published_counts={
        "users": 1859,
        "items": 2813,
        "interactions": 71_294,
        "train": 57_786,
        "test": 13_508,
        "linked_items": 801,
    },
    notes=(
        "801 of the 2,813 items are linked. The descriptions were written by a large language model, most of "
        "them from the artist's tags. The pairs overlap those of lastfm: never train on one and test on the "
        "other."
    ),
)


class LastFMCoLaKG:
    """Reader of Last.FM as CoLaKG has it. An item's text is its description."""

    name = "lastfm"
    card = CARD

    def is_present(self, root: Path) -> bool:
        """Whether all files lie under ``root``."""
        return all((root / name).is_file() for name in FILES)

    def fetch(self, root: Path) -> None:
        """Download the files from the repositories that hold them."""
        fetch_from_urls(FILES, root)

    def load(self, root: Path) -> RawDataset:
        """Read the files under ``root``."""
        item_map = read_numbers(root / "colakg" / "item_map.txt", ("item", "internal_id"))
        items = (
            item_map.select("item")
            .join(read_names(root), on="item", how="left", maintain_order="left")
            .join(read_descriptions(root), on="item", how="left", maintain_order="left")
        )
        return RawDataset(
            name="lastfm-colakg",
            interactions=read_colakg_interactions(root / "colakg", item_map),
            items=items.select("item", "title", text="description"),
            triples=read_triples(root / "lastfm.kg"),
            links=read_links(root / "lastfm.link").join(items, on="item", how="semi", maintain_order="left"),
            card=self.card,
        )
