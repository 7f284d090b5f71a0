"""Datasets in the format of KGAT: the reader that its family shares."""

from pathlib import Path
from typing import ClassVar

import polars as pl

from kgrec.data.dataset import DatasetCard, RawDataset
from kgrec.data.download import RemoteFile, fetch_from_urls
from kgrec.data.formats.kgat import read_interactions, read_triples
from kgrec.errors import InputError

TRAIN, TEST, GRAPH = FILES = ("train.txt", "test.txt", "kg_final.txt")
KGAT_TERMS = (
    "research use with acknowledgement, no redistribution without permission, no deanonymising, "
    "no commercial use"
)
"""The terms of the data in the READMEs of KGAT and of KGIN."""


class KGATSource:
    """Reader of ``train.txt``, ``test.txt`` (user item item …) and ``kg_final.txt`` (head relation tail).

    Users, items and relations keep their numbers as raw ids. The first entities are the items: item i is
    entity i, so all items are linked. The catalogue is 0 to the largest item of train and test, as in KGAT's
    loader. Rows come with the parts "train" and "test"; the format knows no validation
    (``data/split=given_test`` takes a share of train). There are no titles and no texts.

    Published tables count the entities that are no item; here all are counted.
    """

    name: ClassVar[str]
    card: ClassVar[DatasetCard]
    remote: ClassVar[dict[str, RemoteFile]]

    def is_present(self, root: Path) -> bool:
        """Whether all three files lie under ``root``."""
        return all((root / name).is_file() for name in FILES)

    def fetch(self, root: Path) -> None:
        """Download the files; those without a known checksum with a warning."""
        fetch_from_urls(self.remote, root)

    def load(self, root: Path) -> RawDataset:
        """Read the files under ``root``."""
        parts = [
            read_interactions(root / file).with_columns(split=pl.lit(part))
            for file, part in ((TRAIN, "train"), (TEST, "test"))
        ]
        interactions = pl.concat(parts)
        if interactions.is_empty():
            raise InputError(f"{root / TRAIN}: no user has an item; expected lines of user item item …")
        num_items = int(interactions["item"].cast(pl.Int64).to_numpy().max()) + 1
        items = pl.DataFrame({"item": pl.int_range(num_items, eager=True).cast(pl.String)})
        nothing = pl.lit(None, dtype=pl.String)
        return RawDataset(
            name=self.name,
            interactions=interactions,
            items=items.with_columns(title=nothing, text=nothing),
            triples=read_triples(root / GRAPH),
            links=items.select("item", entity="item"),
            card=self.card,
        )


def remote_files(folder: str, zipped_graph: bool) -> dict[str, RemoteFile]:
    """The three files under an address; no checksum of theirs is published.

    Args:
        folder: address of the folder.
        zipped_graph: whether the graph is ``kg_final.txt.zip`` there.
    """
    files = {name: RemoteFile(f"{folder}/{name}", sha256=None) for name in FILES}
    if zipped_graph:
        files[GRAPH] = RemoteFile(f"{folder}/{GRAPH}.zip", sha256=None, member=GRAPH)
    return files
