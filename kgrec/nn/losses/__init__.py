"""Losses of recommenders, with one call so that a config can swap them.

Every :class:`RankingLoss` is called as ``loss(users, items, positives, negatives, weights,
candidate_mask, rows)`` and scores by inner products in its ``ranking_space``; a :class:`SampledLoss` also
takes scores as they are. :class:`InfoNCE` and the penalties :func:`embedding_l2` and :func:`read_l2`
stand apart.
"""

from kgrec.nn.losses.base import RankingLoss, SampledLoss
from kgrec.nn.losses.bce import BinaryCrossEntropy
from kgrec.nn.losses.bpr import BPR
from kgrec.nn.losses.embedding_l2 import embedding_l2, read_l2
from kgrec.nn.losses.in_batch import InBatchSoftmax
from kgrec.nn.losses.info_nce import InfoNCE
from kgrec.nn.losses.softmax import FullSoftmax, SampledSoftmax

__all__ = [
    "BPR",
    "BinaryCrossEntropy",
    "FullSoftmax",
    "InBatchSoftmax",
    "InfoNCE",
    "RankingLoss",
    "SampledLoss",
    "SampledSoftmax",
    "embedding_l2",
    "read_l2",
]
