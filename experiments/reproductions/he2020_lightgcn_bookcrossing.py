"""LightGCN on Book-Crossing, LightKG's split: kgrec reproduce he2020-lightgcn-bookcrossing."""

from kgrec.studies.published import Published
from kgrec.studies.sources import ADAKG
from kgrec.study import Arm

REPRODUCTION = Arm(
    "lightgcn",
    (
        "experiment=lightgcn_bookcrossing",
        "train.optimizer.lr=0.010748406606527252",
        "train.optimizer.weight_decay=0.0016459272115891242",
        "model.num_layers=3",
        "loss.num_negatives=1",
    ),
    tuning="lightgcn_bookcrossing.json",
    published=Published(
        paper=(
            "He et al., LightGCN: Simplifying and Powering Graph Convolution Network for Recommendation, "
            "SIGIR 2020"
        ),
        address="https://arxiv.org/abs/2002.02126",
        source=ADAKG,
        figures={"test/recall@10": 0.0468, "test/mrr@10": 0.0198},
        deviations=(
            "20 trials on validation; published: 30 trials",
            "width of LightKG's runs, without the paper's L2",
            "searched: step, weight decay, layers and negatives",
        ),
        verified="2026-11-27",
    ),
)
