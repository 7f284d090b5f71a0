"""LightGCN on Last.FM, LightKG's split: kgrec reproduce he2020-lightgcn-lastfm."""

from kgrec.studies.published import Published
from kgrec.studies.sources import ADAKG
from kgrec.study import Arm

REPRODUCTION = Arm(
    "lightgcn",
    (
        "experiment=lightgcn_lastfm",
        "train.optimizer.lr=0.0059494845070905715",
        "train.optimizer.weight_decay=5.314440295286001e-05",
        "model.num_layers=3",
        "loss.num_negatives=5",
    ),
    tuning="lightgcn_lastfm.json",
    published=Published(
        paper=(
            "He et al., LightGCN: Simplifying and Powering Graph Convolution Network for Recommendation, "
            "SIGIR 2020"
        ),
        address="https://arxiv.org/abs/2002.02126",
        source=ADAKG,
        figures={"test/recall@10": 0.2695, "test/mrr@10": 0.1204},
        deviations=(
            "20 trials on validation; published: 30 trials",
            "width of LightKG's runs, without the paper's L2",
            "searched: step, weight decay, layers and negatives",
        ),
        verified="2026-11-27",
    ),
)
