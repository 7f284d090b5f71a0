"""Every definition against hand-worked numbers, ir-measures and, for the odd one, the published code."""

import ir_measures
import numpy as np
import pytest
import torch

from kgrec.evaluation.metrics.average_precision import AveragePrecision
from kgrec.evaluation.metrics.base import Metric
from kgrec.evaluation.metrics.hit import Hit
from kgrec.evaluation.metrics.mrr import MRR
from kgrec.evaluation.metrics.ndcg import NDCG
from kgrec.evaluation.metrics.ndcg_kgat import NDCGKGAT
from kgrec.evaluation.metrics.precision import Precision
from kgrec.evaluation.metrics.recall import Recall
from kgrec.evaluation.ranking import Ranking, rank
from kgrec.seed import numpy_generator

KS = [1, 3, 10, 25]
PEERS = [
    (Recall(), ir_measures.R),
    (NDCG(), ir_measures.nDCG),
    (MRR(), ir_measures.RR),
    (Hit(), ir_measures.Success),
    (Precision(), ir_measures.P),
    (AveragePrecision(), ir_measures.AP),
]


@pytest.fixture(scope="module", params=["no ties", "ties", "constant"])
def ranking(request: pytest.FixtureRequest) -> Ranking:
    """Sixty users, thirty items, lists cut at 25: some users have few candidates, some no hit."""
    generator = numpy_generator(3, "metrics test", request.param)
    shape = (60, 30)
    levels = {"no ties": 10**6, "ties": 4, "constant": 1}[request.param]
    scores = torch.from_numpy(generator.integers(levels, size=shape).astype(np.float64))
    relevance = generator.random(shape) < generator.choice([0.02, 0.1, 0.6], size=(60, 1))
    seen = (generator.random(shape) < generator.choice([0.1, 0.9], size=(60, 1))) & ~relevance
    return rank(
        score=scores.__getitem__,
        user_ids=np.arange(60),
        relevant=np.argwhere(relevance),
        seen=np.argwhere(seen),
        candidates=None,
        tie_break=generator.permutation(30),
        k=25,
        block_size=16,
        device="cpu",
    )


@pytest.mark.parametrize(("metric", "peer"), PEERS, ids=[metric.name for metric, _ in PEERS])
def test_metric_equals_ir_measures(
    ranking: Ranking, metric: Metric, peer: ir_measures.measures.Measure
) -> None:
    # ir-measures orders equal scores by document name, so it is given the position as the score. Relevant
    # items outside the list only have to be counted; users without any are judged by the empty-case test.
    qrels, run = [], []
    for user, (items, hits, num_relevant) in enumerate(
        zip(ranking.items.tolist(), ranking.hits.tolist(), ranking.num_relevant.tolist(), strict=True)
    ):
        listed = [(item, hit) for item, hit in zip(items, hits, strict=True) if item >= 0]
        missed = [f"missed{n}" for n in range(num_relevant - sum(hits))]
        run += [ir_measures.ScoredDoc(str(user), str(i), -float(r)) for r, (i, _) in enumerate(listed)]
        relevant = [str(item) for item, hit in listed if hit] + missed
        qrels += [ir_measures.Qrel(str(user), name, 1) for name in relevant]
    expected = np.zeros((60, len(KS)))
    for value in ir_measures.iter_calc([peer @ k for k in KS], qrels, run):
        expected[int(value.query_id), KS.index(value.measure["cutoff"])] = value.value
    assert 0 < expected.mean() < 1
    np.testing.assert_allclose(metric(ranking, KS).numpy(), expected, atol=1e-6)


def hand_made(hits: list[int], num_relevant: int) -> Ranking:
    return Ranking(
        items=torch.arange(len(hits))[None, :],
        hits=torch.tensor([hits], dtype=torch.bool),
        num_relevant=torch.tensor([num_relevant]),
        user_ids=torch.tensor([0]),
    )


@pytest.mark.parametrize(
    ("metric", "at_1", "at_3", "at_5"),
    [
        # Four relevant items; the list of five holds them at ranks 2, 3 and 5, one is missed.
        (Recall(), 0, 2 / 4, 3 / 4),
        (Precision(), 0, 2 / 3, 3 / 5),
        (Hit(), 0, 1, 1),
        (MRR(), 0, 1 / 2, 1 / 2),
        (AveragePrecision(), 0, (1 / 2 + 2 / 3) / 4, (1 / 2 + 2 / 3 + 3 / 5) / 4),
        # Gains: rank 1: 1, rank 2: .630930, rank 3: .5, rank 4: .430677, rank 5: .386853.
        (NDCG(), 0, (0.630930 + 0.5) / (1 + 0.630930 + 0.5), 1.517783 / (1 + 0.630930 + 0.5 + 0.430677)),
        # The ideal of KGAT's code: the three retrieved hits come first; at 3 that is three hits.
        (NDCGKGAT(), 0, (0.630930 + 0.5) / (1 + 0.630930 + 0.5), 1.517783 / (1 + 0.630930 + 0.5)),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_hand_worked_example(metric: Metric, at_1: float, at_3: float, at_5: float) -> None:
    values = metric(hand_made([0, 1, 1, 0, 1], num_relevant=4), [1, 3, 5])
    np.testing.assert_allclose(values.numpy(), [[at_1, at_3, at_5]], atol=1e-5)


def test_ndcg_of_a_user_with_more_relevant_items_than_places_can_reach_one() -> None:
    assert NDCG()(hand_made([1, 1], num_relevant=50), [1, 2]).tolist() == [[1.0, 1.0]]


def kgat_ndcg(hits: list[bool], k: int) -> float:
    """KGAT's rule in plain words: the whole hit list is sorted first, then both lists are cut at k."""

    def gain(bits: list[bool]) -> float:
        return sum(bit / np.log2(place + 2) for place, bit in enumerate(bits[:k]))

    best = gain(sorted(hits, reverse=True))
    return gain(hits) / best if best else 0.0


def test_ndcg_kgat_follows_the_published_code_and_flatters(ranking: Ranking) -> None:
    values = NDCGKGAT()(ranking, KS).numpy()
    expected = [[kgat_ndcg(hits, k) for k in KS] for hits in ranking.hits.tolist()]
    np.testing.assert_allclose(values, expected)
    honest = NDCG()(ranking, KS).numpy()
    assert (values >= honest - 1e-12).all()
    assert values.mean() > honest.mean()
