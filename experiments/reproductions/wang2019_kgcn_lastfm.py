"""KGCN on Last.FM, LightKG's split: kgrec reproduce wang2019-kgcn-lastfm."""

from kgrec.studies.published import Published
from kgrec.studies.sources import ADAKG
from kgrec.study import Arm

REPRODUCTION = Arm(
    "kgcn",
    ("experiment=kgcn_lastfm",),
    seeds=1,
    published=Published(
        paper="Wang et al., Knowledge Graph Convolutional Networks for Recommender Systems, WWW 2019",
        address="https://arxiv.org/abs/1904.12575",
        source=ADAKG,
        figures={"test/recall@10": 0.2149, "test/mrr@10": 0.0924},
        deviations=(
            "one seed; published: the mean of five, after a search of 30 trials",
            "the defaults of RecBole 1.2.1",
        ),
        verified="2026-11-27",
    ),
)
