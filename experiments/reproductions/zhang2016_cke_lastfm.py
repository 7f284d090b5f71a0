"""CKE on Last.FM, LightKG's split: kgrec reproduce zhang2016-cke-lastfm."""

from kgrec.studies.published import Published
from kgrec.studies.sources import ADAKG
from kgrec.study import Arm

REPRODUCTION = Arm(
    "cke",
    ("experiment=cke_lastfm",),
    published=Published(
        paper="Zhang et al., Collaborative Knowledge Base Embedding for Recommender Systems, KDD 2016",
        address="https://doi.org/10.1145/2939672.2939673",
        source=ADAKG,
        figures={"test/recall@10": 0.2453, "test/mrr@10": 0.1069},
        deviations=(
            "no search of settings; published: 30 trials",
            "RecBole's settings; its structural part alone, without texts and images",
        ),
    ),
)
