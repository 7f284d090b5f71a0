"""CKE on Book-Crossing, LightKG's split: kgrec reproduce zhang2016-cke-bookcrossing."""

from kgrec.studies.published import Published
from kgrec.studies.sources import ADAKG
from kgrec.study import Arm

REPRODUCTION = Arm(
    "cke",
    (
        "experiment=cke_bookcrossing",
        "train.optimizer.lr=0.002973179988933182",
        "model.kg_weight=1.0",
        "model.l2=0.015568096608205639",
        "loss.num_negatives=5",
    ),
    tuning="cke_bookcrossing.json",
    published=Published(
        paper="Zhang et al., Collaborative Knowledge Base Embedding for Recommender Systems, KDD 2016",
        address="https://doi.org/10.1145/2939672.2939673",
        source=ADAKG,
        figures={"test/recall@10": 0.0313, "test/mrr@10": 0.0152},
        deviations=(
            "20 trials on validation; published: 30 trials",
            "RecBole's settings; its structural part alone, without texts and images",
            "relations that stand backwards in another are dropped from the graph",
        ),
        verified="2026-11-27",
    ),
)
