"""Last-FM of KGAT: listening to tracks (LFM-1b) with the Freebase graph of KB4Rec; not the hetrec ``lastfm``.

Counts: the statistics in the README of KGAT's repository; train, test and entities from its training log.
"""

from kgrec.data.dataset import DatasetCard
from kgrec.data.kgat import FILES, KGAT_TERMS, KGATSource, remote_files

FOLDER = (
    "https://raw.githubusercontent.com/xiangwang1223/knowledge_graph_attention_network/"
    "c03737be46ac26a0b5431efe149828e982ffbbfb/Data/last-fm"
)

CARD = DatasetCard(
    origin="http://www.cp.jku.at/datasets/LFM-1b/ (split and graph: KGAT)",
    licence=KGAT_TERMS,
    version="KGAT's repository, commit c03737b",
    citation="Wang et al. 2019, KGAT, KDD, https://doi.org/10.1145/3292500.3330989",
    published_counts={
        "users": 23_566,
        "items": 48_123,
        "entities": 106_389,
        "relations": 9,
        "triples": 464_567,
        "train": 1_289_003,
        "test": 423_635,
    },
    notes=("KGAT's table has 3,034,796 interactions, its log 1,712,638; its 58,266 entities are no items."),
    unchecked=FILES,
)


class LastFMOfKGAT(KGATSource):
    """Reader of last-fm; see :class:`kgrec.data.kgat.KGATSource`."""

    name = "last-fm"
    card = CARD
    remote = remote_files(FOLDER, zipped_graph=False)
