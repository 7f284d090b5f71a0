"""LightGCN on Book-Crossing, LightKG's split: kgrec reproduce he2020-lightgcn-bookcrossing."""

from kgrec.studies.published import Published
from kgrec.studies.sources import ADAKG
from kgrec.study import Arm

REPRODUCTION = Arm(
    "lightgcn",
    ("experiment=lightgcn_bookcrossing",),
    published=Published(
        paper=(
            "He et al., LightGCN: Simplifying and Powering Graph Convolution Network for Recommendation, "
            "SIGIR 2020"
        ),
        address="https://arxiv.org/abs/2002.02126",
        source=ADAKG,
        figures={"test/recall@10": 0.0468, "test/mrr@10": 0.0198},
        deviations=(
            "no search of settings; published: 30 trials",
            "width and layers of LightKG's runs, without the paper's L2",
            "a step of 0.005 chosen by hand on validation of Last.FM, not the paper's",
        ),
    ),
)
