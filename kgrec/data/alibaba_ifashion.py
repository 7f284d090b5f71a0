"""Alibaba-iFashion of KGIN: clicks on outfits, with a graph of outfits, their pieces and attributes.

Counts: the statistics in the README of KGIN's repository; train from its training log.
"""

from kgrec.data.dataset import DatasetCard
from kgrec.data.kgat import FILES, KGAT_TERMS, KGATSource, remote_files

FOLDER = (
    "https://raw.githubusercontent.com/huangtinglin/Knowledge_Graph_based_Intent_Network/"
    "main/data/alibaba-fashion"
)

CARD = DatasetCard(
    origin="https://github.com/wenyuer/POG (split and graph: KGIN)",
    licence=KGAT_TERMS,
    version="KGIN's repository, branch main",
    citation="Wang et al. 2021, KGIN, WWW, https://doi.org/10.1145/3442381.3450133",
    published_counts={
        "users": 114_737,
        "items": 30_040,
        "interactions": 1_781_093,
        "relations": 51,
        "triples": 279_155,
        "train": 1_380_510,
    },
    notes=(
        "The 59,156 entities of KGIN's table are those that are no item. The address names a branch, not a "
        "commit: the files may change."
    ),
    unchecked=FILES,
)


class AlibabaIFashion(KGATSource):
    """Reader of alibaba-ifashion; see :class:`kgrec.data.kgat.KGATSource`."""

    name = "alibaba-ifashion"
    card = CARD
    remote = remote_files(FOLDER, zipped_graph=False)
