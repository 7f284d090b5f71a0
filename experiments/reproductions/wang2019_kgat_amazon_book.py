"""KGAT on Amazon-book, KGAT's split: kgrec reproduce wang2019-kgat-amazon-book."""

from kgrec.studies.published import Published
from kgrec.studies.sources import KGAT_LOG
from kgrec.study import Arm

REPRODUCTION = Arm(
    "kgat",
    (
        "data=amazon-book",
        "eval=kgat",
        "model=kgat",
        "loss=bpr",
        "model.embedding_dim=64",
        "model.layers.layer_dims=[64,32,16]",
        "model.layers.dropout=0.1",
        "model.l2=1.0e-5",
        "train.batch_size=1024",
        "train.optimizer.lr=0.0001",
        "train.optimizer.weight_decay=0.0",
        "train.max_epochs=1000",
        "train.eval_every=10",
        "train.early_stopping.patience=10",
    ),
    seeds=1,
    published=Published(
        paper="Wang et al., KGAT: Knowledge Graph Attention Network for Recommendation, KDD 2019",
        address="https://arxiv.org/abs/1905.07854",
        source=KGAT_LOG,
        figures={"test/recall@20": 0.15026, "test/ndcg_kgat@20": 0.10160},
        deviations=(
            "epochs chosen on a validation part of the training rows, where the published run chose on test",
            "starts at random, where the published run starts from pretrained matrix factorisation",
        ),
    ),
)
