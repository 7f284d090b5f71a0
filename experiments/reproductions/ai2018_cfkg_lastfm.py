"""CFKG on Last.FM, LightKG's split: kgrec reproduce ai2018-cfkg-lastfm."""

from kgrec.studies.published import Published
from kgrec.studies.sources import ADAKG
from kgrec.study import Arm

REPRODUCTION = Arm(
    "cfkg",
    (
        "experiment=cfkg_lastfm",
        "train.optimizer.lr=0.0017465457302170144",
        "model.l2=0.0035393643882280423",
        "model.kg_weight=1.0",
        "model.init_std=0.1",
        "loss.num_negatives=10",
    ),
    seeds=1,
    tuning="cfkg_lastfm.json",
    published=Published(
        paper=(
            "Ai et al., Learning Heterogeneous Knowledge Base Embeddings for Explainable Recommendation, "
            "Algorithms 2018"
        ),
        address="https://arxiv.org/abs/1805.03352",
        source=ADAKG,
        figures={"test/recall@10": 0.2444, "test/mrr@10": 0.1100},
        deviations=(
            "one seed, after 20 trials on validation; published: the mean of five, after 30 trials",
            "RecBole's width, inner products and logistic loss",
            "searched: step, L2, weight of the facts, size of the start and negatives",
        ),
        verified="2026-11-27",
    ),
)
