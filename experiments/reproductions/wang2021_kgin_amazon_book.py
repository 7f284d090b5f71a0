"""KGIN on Amazon-book, KGAT's split: kgrec reproduce wang2021-kgin-amazon-book."""

from kgrec.studies.published import Published
from kgrec.studies.sources import KGIN_LOG
from kgrec.study import Arm

REPRODUCTION = Arm(
    "kgin",
    (
        "data=amazon-book",
        "eval=kgat",
        "model=kgin",
        "loss=bpr",
        "model.embedding_dim=64",
        "model.num_layers=3",
        "model.dropout.edges=0.5",
        "model.dropout.messages=0.1",
        "train.batch_size=1024",
        "model.independence=0.00001",
        "train.optimizer.lr=0.0001",
        "train.optimizer.weight_decay=0.0",
        "train.max_epochs=1000",
        "train.eval_every=10",
        "train.early_stopping.patience=10",
    ),
    seeds=1,
    published=Published(
        paper=(
            "Wang et al., Learning Intents behind Interactions with Knowledge Graph for Recommendation, "
            "WWW 2021"
        ),
        address="https://arxiv.org/abs/2102.07057",
        source=KGIN_LOG,
        figures={"test/recall@20": 0.16879, "test/ndcg@20": 0.09153},
        deviations=(
            "epochs chosen on a validation part of the training rows, where the published run chose on test",
        ),
    ),
)
