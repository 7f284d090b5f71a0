"""KGIN on Book-Crossing, LightKG's split: kgrec reproduce wang2021-kgin-bookcrossing."""

from kgrec.studies.published import Published
from kgrec.studies.sources import ADAKG
from kgrec.study import Arm

REPRODUCTION = Arm(
    "kgin",
    (
        "experiment=kgin_bookcrossing",
        "train.optimizer.lr=0.0005328398331164798",
        "model.num_layers=3",
        "model.l2=0.007198347778416388",
        "model.dropout.edges=0.2445315596955435",
        "loss.num_negatives=5",
    ),
    tuning="kgin_bookcrossing.json",
    published=Published(
        paper=(
            "Wang et al., Learning Intents behind Interactions with Knowledge Graph for Recommendation, "
            "WWW 2021"
        ),
        address="https://arxiv.org/abs/2102.07057",
        source=ADAKG,
        figures={"test/recall@10": 0.0801, "test/mrr@10": 0.0399},
        deviations=(
            "14 trials on validation, in the 30 minutes that each model had; published: 30 trials",
            "intents and their independence of its code",
            "searched: step, L2, layers, dropout of edges and negatives",
            "relations that stand backwards in another are dropped from the graph",
        ),
        verified="2026-11-27",
    ),
)
