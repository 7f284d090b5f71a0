"""Where the published figures of reproductions were read, and under which protocol they were measured."""

from kgrec.studies.published import Source

ADAKG = Source(
    "the table of AdaKG's README",
    "https://github.com/ssu-dmlab/AdaKG/blob/ba1a87345fa8baaf73769b5441498dd164ce1398/README.md",
    "LightKG's fixed split; every row a positive; all items but the user's earlier ones ranked, cold items "
    "too; recall@10 = hits / relevant, mrr@10, means over users with test items; each model searched for 30 "
    "trials on valid recall@10, RecBole 1.1.1, means of 5 seeds",
)
"""Table of the README (CIKM 2026) at commit ba1a873: recall@10 (mrr@10)."""

KGAT_LOG = Source(
    "the training logs of KGAT's repository",
    "https://github.com/xiangwang1223/knowledge_graph_attention_network/tree/master/Log",
    "KGAT's fixed split without a validation part; all items but the user's training ones ranked at "
    "20 … 100; ndcg over the retrieved hits alone (ndcg_kgat here); the best of all evaluations on test, one "
    "run that starts from pretrained matrix factorisation",
)
"""Line ``Best Iter`` of the logs at commits 6eb71fc (amazon-book) and 08a2cd1 (last-fm)."""

KGIN_LOG = Source(
    "the training logs of KGIN's repository",
    "https://github.com/huangtinglin/Knowledge_Graph_based_Intent_Network/tree/"
    "ed3b7834f01f76b1453e5a6ee9aa6f760180a9f5/training_log",
    "KGAT's fixed split without a validation part; all items but the user's training ones ranked at "
    "20 … 100; the best of all evaluations on test, one run",
)
"""Rows of the evaluation with the best recall@20, at commit ed3b783."""

RECBOLE_DOCS = Source(
    "the runs in RecBole's documentation",
    "https://github.com/RUCAIBox/RecBole/tree/7b02be5ec80a88310f2d04a27a82adfcbb5dc211",
    "ML-100K, every rating a positive, 8:1:1 per user in random order, drawn at run time with seed 2020; all "
    "items but the user's earlier ones ranked at 10; selection on valid mrr@10; one run",
)
"""BPR: README.md:191; CKE: docs/source/get_started/started/knowledge-based.rst:188."""

OPENHGNN = Source(
    "OpenHGNN's README, for the paper",
    "https://github.com/BUPT-GAMMA/OpenHGNN",
    "hetrec Last.FM: listens of linked artists and as many drawn negatives, rows split 6:2:2; means over "
    "full mini-batches of 128 rows, the last partial one dropped; no selection, the last epoch counts",
)
"""A transcription: the paper's own table was not read."""

FEDRKG = Source(
    "the table of the FedRKG paper",
    "https://arxiv.org/abs/2401.11089",
    "hetrec Last.FM: listens of linked artists and as many drawn negatives, rows split 6:2:2",
)
"""A transcription: the papers' own tables were not read."""
