"""KGIN on Last.FM, LightKG's split: kgrec reproduce wang2021-kgin-lastfm."""

from kgrec.studies.published import Published
from kgrec.studies.sources import ADAKG
from kgrec.study import Arm

REPRODUCTION = Arm(
    "kgin",
    (
        "experiment=kgin_lastfm",
        "train.optimizer.lr=0.0027643805680622625",
        "model.num_layers=1",
        "model.l2=0.000800942980139032",
        "model.dropout.edges=0.30000737423599455",
        "loss.num_negatives=10",
    ),
    tuning="kgin_lastfm.json",
    published=Published(
        paper=(
            "Wang et al., Learning Intents behind Interactions with Knowledge Graph for Recommendation, "
            "WWW 2021"
        ),
        address="https://arxiv.org/abs/2102.07057",
        source=ADAKG,
        figures={"test/recall@10": 0.2727, "test/mrr@10": 0.1242},
        deviations=(
            "20 trials on validation; published: 30 trials",
            "intents and their independence of its code",
            "searched: step, L2, layers, dropout of edges and negatives",
        ),
        verified="2026-11-27",
    ),
)
