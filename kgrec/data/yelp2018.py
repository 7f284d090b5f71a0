"""Yelp2018 of KGAT: local businesses with a graph of their attributes; not the yelp2018 of LightGCN.

Counts: the statistics in the README of KGAT's repository; entities from its ``entity_list.txt``.
"""

from kgrec.data.dataset import DatasetCard
from kgrec.data.kgat import FILES, KGAT_TERMS, KGATSource, remote_files

FOLDER = (
    "https://raw.githubusercontent.com/xiangwang1223/knowledge_graph_attention_network/"
    "c03737be46ac26a0b5431efe149828e982ffbbfb/Data/yelp2018"
)

CARD = DatasetCard(
    origin="https://www.yelp.com/dataset (split and graph: KGAT)",
    licence=KGAT_TERMS,
    version="KGAT's repository, commit c03737b",
    citation="Wang et al. 2019, KGAT, KDD, https://doi.org/10.1145/3292500.3330989",
    published_counts={
        "users": 45_919,
        "items": 45_538,
        "interactions": 1_185_068,
        "entities": 136_499,
        "relations": 42,
        "triples": 1_853_704,
    },
    notes=("The 90,961 entities of KGAT's table are those that are no item."),
    unchecked=FILES,
)


class Yelp2018(KGATSource):
    """Reader of yelp2018; see :class:`kgrec.data.kgat.KGATSource`."""

    name = "yelp2018"
    card = CARD
    remote = remote_files(FOLDER, zipped_graph=True)
