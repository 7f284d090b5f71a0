"""RippleNet on Last.FM, LightKG's split: kgrec reproduce wang2018-ripplenet-lastfm."""

from kgrec.studies.published import Published
from kgrec.studies.sources import ADAKG
from kgrec.study import Arm

REPRODUCTION = Arm(
    "ripplenet",
    ("experiment=ripplenet_lastfm",),
    seeds=1,
    published=Published(
        paper=(
            "Wang et al., RippleNet: Propagating User Preferences on the Knowledge Graph for Recommender "
            "Systems, CIKM 2018"
        ),
        address="https://arxiv.org/abs/1803.03467",
        source=ADAKG,
        figures={"test/recall@10": 0.1633, "test/mrr@10": 0.0656},
        deviations=(
            "one seed; published: the mean of five, after a search of 30 trials",
            "sizes of RecBole 1.2.1; rate and L2 chosen on validation of Last.FM by hand, at most 40 epochs",
        ),
        verified="2026-11-27",
    ),
)
