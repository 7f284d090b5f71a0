"""Amazon-book of KGAT: book reviews with the Freebase graph of KB4Rec.

Counts: the statistics in the README of KGAT's repository; train, test and entities from its training log.
"""

from kgrec.data.dataset import DatasetCard
from kgrec.data.kgat import FILES, KGAT_TERMS, KGATSource, remote_files

FOLDER = (
    "https://raw.githubusercontent.com/xiangwang1223/knowledge_graph_attention_network/"
    "c03737be46ac26a0b5431efe149828e982ffbbfb/Data/amazon-book"
)

CARD = DatasetCard(
    origin="http://jmcauley.ucsd.edu/data/amazon (split and graph: KGAT)",
    licence=KGAT_TERMS,
    version="KGAT's repository, commit c03737b",
    citation="Wang et al. 2019, KGAT, KDD, https://doi.org/10.1145/3292500.3330989",
    published_counts={
        "users": 70_679,
        "items": 24_915,
        "entities": 113_487,
        "relations": 39,
        "triples": 2_557_746,
        "train": 652_514,
        "test": 193_920,
    },
    notes=(
        "KGAT's table has 847,733 interactions, its log 846,434; its 88,572 entities are those that are no "
        "item. Some relations stand backwards in another (author and works written)."
    ),
    unchecked=FILES,
)


class AmazonBook(KGATSource):
    """Reader of amazon-book; see :class:`kgrec.data.kgat.KGATSource`."""

    name = "amazon-book"
    card = CARD
    remote = remote_files(FOLDER, zipped_graph=True)
