from functools import partial

import pytest
import torch
import torch.nn.functional as F

from kgrec.errors import InputError
from kgrec.models.base import Batch
from kgrec.models.cfkg import CFKG
from kgrec.models.triple_sampler import TripleSampler
from kgrec.nn.losses import BPR, FullSoftmax
from kgrec.nn.translation import InnerProduct, NegativeDistance

FACTS = [(0, 0, 4), (1, 0, 4), (2, 0, 5), (3, 1, 5)]
TRAIN = [[1, 0, 0, 0], [0, 0, 1, 1]]
BATCH = Batch(torch.tensor([0, 1]), torch.tensor([0, 2]), torch.tensor([[1], [0]]), step=3)
BY_FORMULA = {
    InnerProduct: lambda query, tail: (query * tail).sum(-1),
    NegativeDistance: lambda query, tail: -(query - tail).square().sum(-1),
}


def build(inputs, **changed):
    settings = {
        "embedding_dim": 8,
        "init_std": 0.3,
        "loss": BPR(num_negatives=1),
        "kg_weight": 0.5,
        "l2": 0.2,
        "similarity": InnerProduct(),
        "triples": partial(TripleSampler, batch_size=16, seed=0),
    }
    torch.manual_seed(0)
    return CFKG(inputs, **(settings | changed))


@pytest.mark.parametrize("kind", BY_FORMULA)
def test_score_and_loss_are_those_of_the_formula(make_inputs, kind):
    model, similar = build(make_inputs(TRAIN, triples=FACTS), similarity=kind()), BY_FORMULA[kind]
    users, entities = model.user_table.weight, model.entity_table.weight
    scores = similar((users + model.interacts)[:, None], entities[None, :4])
    assert torch.allclose(model.score(torch.tensor([0, 1])), scores, atol=1e-6)

    ranking = F.softplus(scores[[0, 1], [1, 0]] - scores[[0, 1], [0, 2]]).mean()
    facts = model.triples.sample(3, torch.device("cpu"))
    query = entities[facts.heads] + model.relation_table.weight[facts.relations]
    better, worse = (similar(query, entities[t]) for t in (facts.tails, facts.negatives[:, 0]))
    read = entities[torch.tensor([[0, 1], [2, 0]])].square().sum() / 2
    penalty = (users.square().sum() / 2 + read) / 2
    expected = ranking + 0.5 * F.softplus(worse - better).mean() + 0.2 * penalty
    assert model.loss(BATCH).item() == pytest.approx(expected.item(), rel=1e-5)


def test_the_penalty_is_the_mean_over_pairs(make_inputs):
    model = build(make_inputs(TRAIN, triples=FACTS))
    squares = model.user_table.weight[1].square().sum() * 2
    squares = squares + model.entity_table.weight[[0, 3]].square().sum()
    penalty = model.penalty(torch.tensor([1, 1]), torch.tensor([0, 3]), torch.ones(2))
    assert penalty.item() == pytest.approx((0.2 * squares / 4).item())


@pytest.mark.parametrize("kind", BY_FORMULA)
def test_a_cold_item_is_ranked_by_its_facts(make_inputs, kind):
    # Users like items 0 and 1, or 3 and 4; items 2 and 5 are cold and share an entity with their kind.
    train = [[1, 1, 0, 0, 0, 0]] * 4 + [[0, 0, 0, 1, 1, 0]] * 4
    facts = [(item, 0, 6 + item // 3) for item in range(6)]
    model = build(make_inputs(train, triples=facts), l2=0.0, kg_weight=1.0, init_std=0.05, similarity=kind())
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    pairs = torch.tensor(train).nonzero()
    for step in range(200):
        negatives = 3 - pairs[:, 1] // 3 * 3 + torch.randint(2, (16,))  # never a cold one
        optimizer.zero_grad()
        model.loss(Batch(pairs[:, 0], pairs[:, 1], negatives[:, None], step)).backward()
        optimizer.step()
    scores = model.score(torch.arange(8)).detach()
    assert (scores[:4, 2] > scores[:4, 5]).all()
    assert (scores[4:, 5] > scores[4:, 2]).all()


@pytest.mark.parametrize("changed", [{"kg_weight": 0.0}, {}])
def test_without_facts_it_has_no_relations_of_them(make_inputs, changed):
    model = build(make_inputs(TRAIN, triples=FACTS if changed else []), **changed)
    assert not hasattr(model, "relation_table")
    model.loss(BATCH).backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_a_loss_without_negatives_ranks_the_tail_among_all_entities(make_inputs):
    loss = FullSoftmax(temperature=1.0, normalize=False)
    model = build(make_inputs(TRAIN, triples=FACTS), loss=loss, l2=0.0, kg_weight=1.0)
    facts = model.triples.sample(0, torch.device("cpu"))
    assert facts.negatives.shape == (4, 0)
    entities = model.entity_table.weight
    queries = entities[facts.heads] + model.relation_table.weight[facts.relations]
    pairs = model.user_table.weight + model.interacts
    expected = F.cross_entropy(queries @ entities.T, facts.tails)
    expected = expected + F.cross_entropy(pairs @ entities[:4].T, torch.tensor([0, 2]))
    batch = Batch(torch.tensor([0, 1]), torch.tensor([0, 2]), torch.empty((2, 0), dtype=torch.long), step=0)
    assert model.loss(batch).item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("changed", [{"kg_weight": -1.0}, {"l2": -0.1}, {"init_std": 0.0}])
def test_bad_settings_are_refused(make_inputs, changed):
    with pytest.raises(InputError, match=rf"model\.{next(iter(changed))}: found"):
        build(make_inputs(TRAIN, triples=FACTS), **changed)
