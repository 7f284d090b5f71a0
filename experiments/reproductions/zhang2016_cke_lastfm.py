"""CKE on Last.FM, LightKG's split: kgrec reproduce zhang2016-cke-lastfm."""

from kgrec.studies.published import Published
from kgrec.studies.sources import ADAKG
from kgrec.study import Arm

REPRODUCTION = Arm(
    "cke",
    (
        "experiment=cke_lastfm",
        "train.optimizer.lr=0.004527051696361838",
        "model.kg_weight=0.5",
        "model.l2=0.01070738400627122",
        "loss.num_negatives=10",
    ),
    tuning="cke_lastfm.json",
    published=Published(
        paper="Zhang et al., Collaborative Knowledge Base Embedding for Recommender Systems, KDD 2016",
        address="https://doi.org/10.1145/2939672.2939673",
        source=ADAKG,
        figures={"test/recall@10": 0.2453, "test/mrr@10": 0.1069},
        deviations=(
            "20 trials on validation; published: 30 trials",
            "RecBole's settings; its structural part alone, without texts and images",
        ),
        verified="2026-11-27",
    ),
)
