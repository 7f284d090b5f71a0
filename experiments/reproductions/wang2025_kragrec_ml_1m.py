"""The next item among 20 on MovieLens-1M, as K-RagRec has it: kgrec reproduce wang2025-kragrec-ml-1m."""

from kgrec.studies.published import Published, Source
from kgrec.study import Arm

REPRODUCTION = Arm(
    "hybrid-text",
    ("experiment=kragrec_ml_1m", "model=sequence_hybrid", "fusion=sum", "kg=none"),
    seeds=1,
    published=Published(
        paper=(
            "Wang et al., Knowledge Graph Retrieval-Augmented Generation for LLM-based Recommendation, "
            "ACL 2025"
        ),
        address="https://arxiv.org/abs/2501.02226",
        source=Source(
            "the paper's table on MovieLens-1M, K-RagRec with LLaMA-2-7B",
            "https://arxiv.org/abs/2501.02226",
            "one positive among 19 random negatives; accuracy, recall@3 and recall@5 of the language model's "
            "answer; here accuracy is hit@1, and with one relevant item recall@k is hit@k",
        ),
        figures={"test/hit@1": 0.435, "test/hit@3": 0.725, "test/hit@5": 0.831},
        deviations=(
            "needs MovieLens-1M with its timestamps, which kgrec does not bring (conf/experiment/"
            "kragrec_ml_1m.yaml says which two tables); without them nothing is run and no order is made up",
            "how the paper makes sequences, splits them and draws the negatives is unsure: those of LLaRA's "
            "protocol stand in (8:1:1 in time, ten items of history)",
        ),
    ),
)
