"""LightKG on Last.FM, LightKG's split: kgrec reproduce li2025-lightkg-lastfm."""

from kgrec.studies.published import Published
from kgrec.studies.sources import ADAKG
from kgrec.study import Arm

REPRODUCTION = Arm(
    "lightkg",
    (
        "experiment=lightkg_lastfm",
        "train.optimizer.lr=0.0013076074902038074",
        "train.optimizer.weight_decay=2.8087569787827476e-05",
        "model.num_layers=2",
        "model.user_contrast=0.04631609186313148",
        "model.item_contrast=0.19655719065346794",
        "loss.num_negatives=10",
    ),
    tuning="lightkg_lastfm.json",
    published=Published(
        paper=(
            "Li et al., LightKG: Efficient Knowledge-Aware Recommendations with Simplified GNN "
            "Architecture, KDD 2025"
        ),
        address="https://arxiv.org/abs/2506.10347",
        source=ADAKG,
        figures={"test/recall@10": 0.2976, "test/mrr@10": 0.1351},
        deviations=(
            "11 trials on validation, in the 30 minutes that each model had; published: 30 trials",
            "the settings of its code, but for batches of 1,024 pairs",
            "searched: step, weight decay, layers, contrasts and negatives",
        ),
        verified="2026-11-27",
    ),
)
