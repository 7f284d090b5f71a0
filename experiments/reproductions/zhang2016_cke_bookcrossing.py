"""CKE on Book-Crossing, LightKG's split: kgrec reproduce zhang2016-cke-bookcrossing."""

from kgrec.studies.published import Published
from kgrec.studies.sources import ADAKG
from kgrec.study import Arm

REPRODUCTION = Arm(
    "cke",
    ("experiment=cke_bookcrossing",),
    published=Published(
        paper="Zhang et al., Collaborative Knowledge Base Embedding for Recommender Systems, KDD 2016",
        address="https://doi.org/10.1145/2939672.2939673",
        source=ADAKG,
        figures={"test/recall@10": 0.0313, "test/mrr@10": 0.0152},
        deviations=(
            "no search of settings; published: 30 trials",
            "RecBole's settings; its structural part alone, without texts and images",
            "relations that stand backwards in another are dropped from the graph",
        ),
    ),
)
