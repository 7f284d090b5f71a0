"""KGAT on Book-Crossing, LightKG's split: kgrec reproduce wang2019-kgat-bookcrossing."""

from kgrec.studies.published import Published
from kgrec.studies.sources import ADAKG
from kgrec.study import Arm

REPRODUCTION = Arm(
    "kgat",
    ("experiment=kgat_bookcrossing",),
    seeds=1,
    published=Published(
        paper="Wang et al., KGAT: Knowledge Graph Attention Network for Recommendation, KDD 2019",
        address="https://arxiv.org/abs/1905.07854",
        source=ADAKG,
        figures={"test/recall@10": 0.0499, "test/mrr@10": 0.0233},
        deviations=(
            "one seed, five trials by hand on validation; published: the mean of five after 30 trials",
            "RecBole's width; one layer, where the paper has three",
            "five negatives, L2 of 0.01, a tenth of the triples' loss and patience of 40 epochs: our own",
            "relations that stand backwards in another are dropped from the graph",
        ),
        verified="2026-11-27",
    ),
)
