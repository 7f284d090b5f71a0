"""LightKG on Last.FM, LightKG's split: kgrec reproduce li2025-lightkg-lastfm."""

from kgrec.studies.published import Published
from kgrec.studies.sources import ADAKG
from kgrec.study import Arm

REPRODUCTION = Arm(
    "lightkg",
    ("experiment=lightkg_lastfm",),
    published=Published(
        paper=(
            "Li et al., LightKG: Efficient Knowledge-Aware Recommendations with Simplified GNN "
            "Architecture, KDD 2025"
        ),
        address="https://arxiv.org/abs/2506.10347",
        source=ADAKG,
        figures={"test/recall@10": 0.2976, "test/mrr@10": 0.1351},
        deviations=(
            "no search of settings; published: 30 trials",
            "the settings of its code, but for batches of 1,024 pairs and a step of 0.005, chosen by hand on "
            "validation of Last.FM",
        ),
    ),
)
