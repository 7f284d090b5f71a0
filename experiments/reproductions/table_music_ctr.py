"""Click-through on Last.FM, by the protocol of KGCN and KGNN-LS: kgrec reproduce table-music-ctr."""

from pathlib import Path

from kgrec.studies.files import load_reproductions
from kgrec.studies.published import Published
from kgrec.studies.sources import FEDRKG
from kgrec.study import Arm, Claim, Study

PUBLISHED = load_reproductions(
    Path(__file__).parent, ("wang2019_kgcn_music_ctr", "wang2018_ripplenet_music_ctr")
)
OWN = tuple(
    Arm(name, ("experiment=hybrid_music_ctr", "eval.batchwise=128", f"kg={kg}"))
    for name, kg in (("hybrid", "full"), ("hybrid-rewired", "rewired"), ("hybrid-none", "none"))
)
CLAIMS = (
    Claim("the hybrid is past an AUC of .86", "mean", "hybrid", "", 0.86),
    Claim("the hybrid is past KGCN", "difference", "hybrid", "kgcn", 0.0),
    Claim("the graph helps: full beats none", "difference", "hybrid", "hybrid-none", 0.0),
    Claim("it is the facts: full beats rewired", "difference", "hybrid", "hybrid-rewired", 0.0),
)

REFERENCES = {
    name: Published(
        paper=f"{name}, as tabled by FedRKG",
        address=FEDRKG.address,
        source=FEDRKG,
        figures={"test/batchwise/auc": auc, "test/batchwise/f1": f1},
    )
    for name, auc, f1 in (
        ("SVD", 0.760, 0.688),
        ("LibFM", 0.779, 0.711),
        ("PER", 0.627, 0.593),
        ("CKE", 0.739, 0.669),
    )
}

STUDY = Study(
    name="table-music-ctr",
    question="What do published click-through models reach on Last.FM, and what a model of our own?",
    common=(),
    arms=(*PUBLISHED, *OWN),
    claims=CLAIMS,
    primary="test/auc",
    metrics=(
        "test/auc",
        "test/f1",
        "test/accuracy",
        "test/batchwise/auc",
        "test/batchwise/f1",
        "test/user/auc",
    ),
    sample="splits",
    test_to_train=0.2 / 0.6,
    num_splits=5,
    min_splits=10,
    references=REFERENCES,
    notes=(
        "each seed draws its own negatives and its own 6:2:2 split",
        "test/auc is one figure over all rows of a split, test/batchwise/auc the published mean over full "
        "mini-batches (of 1,024 rows for RippleNet, else 128): their intervals resample splits alone",
    ),
)
