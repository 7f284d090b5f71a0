"""A few seconds on generated data with figures that must not move: kgrec reproduce check-planted --check."""

from kgrec.study import Arm, Claim, Study

HYBRID = ("model=hybrid", "lm=hashing", "gnn=rgcn", "fusion=gate", "train.max_epochs=2")

STUDY = Study(
    name="check-planted",
    question="Do the figures of planted preferences stand where they stood?",
    common=("data=planted", "data.source.num_users=200", "train.runtime.device=cpu"),
    arms=(
        Arm("random", ("model=random", "kg=none")),
        Arm("popularity", ("model=popularity", "kg=none")),
        Arm("graph_knn", ("model=graph_knn", "kg=full")),
        Arm("ridge", ("model=ridge", "lm=hashing", "kg=full")),
        Arm("hybrid+none", (*HYBRID, "kg=none")),
        Arm("hybrid+full", (*HYBRID, "kg=full")),
        Arm("hybrid+rewired", (*HYBRID, "kg=rewired")),
    ),
    claims=(
        Claim("the graph helps: full beats none", "difference", "hybrid+full", "hybrid+none", 0.0),
        Claim("it is the facts: full beats rewired", "difference", "hybrid+full", "hybrid+rewired", 0.0),
        Claim("both together beat the graph alone", "difference", "hybrid+full", "graph_knn", 0.0),
    ),
    primary="test/cold/recall@10",
    metrics=("test/cold/recall@10", "test/cold/ndcg@20", "test/cold/mrr@10", "test/recall@20"),
    num_splits=2,
    min_splits=2,
)
