"""KGCN on Last.FM for click-through: kgrec reproduce wang2019-kgcn-music-ctr."""

from kgrec.studies.published import Published
from kgrec.studies.sources import OPENHGNN
from kgrec.study import Arm

REPRODUCTION = Arm(
    "kgcn",
    ("experiment=kgcn_music_ctr",),
    published=Published(
        paper="Wang et al., Knowledge Graph Convolutional Networks for Recommender Systems, WWW 2019",
        address="https://arxiv.org/abs/1904.12575",
        source=OPENHGNN,
        figures={"test/batchwise/auc": 0.794, "test/batchwise/f1": 0.719},
        deviations=(
            "negatives and split are drawn anew for each seed, by another generator",
            "the epoch is chosen on validation AUC, where the published one is the last",
        ),
        verified="2026-11-24",
    ),
)
