"""RippleNet on Last.FM for click-through: kgrec reproduce wang2018-ripplenet-music-ctr."""

from kgrec.studies.published import Published
from kgrec.studies.sources import FEDRKG
from kgrec.study import Arm

REPRODUCTION = Arm(
    "ripplenet",
    ("experiment=ripplenet_music_ctr",),
    published=Published(
        paper=(
            "Wang et al., RippleNet: Propagating User Preferences on the Knowledge Graph for Recommender "
            "Systems, CIKM 2018"
        ),
        address="https://arxiv.org/abs/1803.03467",
        source=FEDRKG,
        figures={"test/batchwise/auc": 0.777, "test/batchwise/f1": 0.699},
        deviations=(
            "negatives and split are drawn anew for each seed, by another generator",
            "the epoch is chosen on validation AUC, where the published one is the last",
        ),
        verified="2026-11-24",
    ),
)
