from functools import partial

import pytest
import torch
import torch.nn.functional as F

from kgrec.errors import InputError
from kgrec.models.base import Batch
from kgrec.models.cke import CKE
from kgrec.models.triple_sampler import TripleSampler
from kgrec.nn.losses import BPR, FullSoftmax
from kgrec.nn.translation import TransR

FACTS = [(0, 0, 4), (1, 0, 4), (2, 0, 5), (3, 1, 5)]
TRAIN = [[1, 0, 0, 0], [0, 0, 1, 1]]
BATCH = Batch(torch.tensor([0, 1]), torch.tensor([0, 2]), torch.tensor([[1], [0]]), step=3)


def build(inputs, **changed):
    settings = {
        "embedding_dim": 8,
        "init_std": 0.1,
        "loss": BPR(num_negatives=1),
        "kg_weight": 0.5,
        "l2": 0.2,
        "translation": partial(TransR, relation_dim=4, normalize=True),
        "triples": partial(TripleSampler, batch_size=16, seed=0),
    }
    torch.manual_seed(0)
    return CKE(inputs, **(settings | changed))


def test_the_loss_is_that_of_the_formula(make_inputs):
    model = build(make_inputs(TRAIN, triples=FACTS))
    users, items, entities = (t.weight for t in (model.user_table, model.item_table, model.entity_table))
    vectors = items + entities[:4]
    scores = users @ vectors.T
    ranking = F.softplus(scores[[0, 1], [1, 0]] - scores[[0, 1], [0, 2]]).mean()
    facts = model.triples.sample(3, torch.device("cpu"))

    def distance(tails):
        matrices = model.translation.projections[facts.relations]
        head, tail = (torch.einsum("bd,bdk->bk", entities[e], matrices) for e in (facts.heads, tails))
        head, tail = F.normalize(head, dim=1), F.normalize(tail, dim=1)
        relation = F.normalize(model.translation.relations[facts.relations], dim=1)
        return (head + relation - tail).square().sum(1)

    kg = -F.logsigmoid(distance(facts.negatives[:, 0]) - distance(facts.tails)).mean()
    # each pair has an observed and a sampled item: both are read
    read = vectors[torch.tensor([[0, 1], [2, 0]])].square().sum() / 2
    penalty = (users.square().sum() / 2 + read) / 2
    assert model.loss(BATCH).item() == pytest.approx((ranking + 0.5 * kg + 0.2 * penalty).item(), rel=1e-5)
    assert torch.allclose(model.score(torch.tensor([0, 1])), scores)


def test_the_penalty_is_the_mean_over_pairs(make_inputs):
    model = build(make_inputs(TRAIN, triples=FACTS))
    users, items = model.embeddings()
    expected = 0.2 * (users[1].square().sum() * 2 + items[[0, 3]].square().sum()) / 4
    penalty = model.penalty(torch.tensor([1, 1]), torch.tensor([0, 3]), torch.ones(2))
    assert penalty.item() == pytest.approx(expected.item())


def test_facts_bring_items_of_one_entity_together_and_a_cold_item_with_them(make_inputs):
    # Users like items 0 and 1, or 3 and 4; items 2 and 5 are cold and share an entity with their kind.
    train = [[1, 1, 0, 0, 0, 0]] * 4 + [[0, 0, 0, 1, 1, 0]] * 4
    facts = [(item, 0, 6 + item // 3) for item in range(6)]
    model = build(make_inputs(train, triples=facts), kg_weight=1.0, l2=0.0, init_std=0.02)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    pairs = torch.tensor(train).nonzero()
    for step in range(150):
        other = (pairs[:, 1] // 3 == 0).long() * 3 + torch.randint(3, (16,))
        optimizer.zero_grad()
        model.loss(Batch(pairs[:, 0], pairs[:, 1], other[:, None], step)).backward()
        optimizer.step()
    entities = F.normalize(model.entity_table.weight[:6].detach(), dim=1)
    cosines = entities @ entities.T
    assert cosines[2, :2].min() > cosines[2, 3:].max()
    assert cosines[5, 3:5].min() > cosines[5, :3].max()


@pytest.mark.parametrize("changed", [{"kg_weight": 0.0}, {}])
def test_without_facts_it_is_matrix_factorisation(make_inputs, changed):
    triples = FACTS if changed else []
    model = build(make_inputs(TRAIN, triples=triples), **changed)
    assert not hasattr(model, "translation")
    model.loss(BATCH).backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_scores_are_those_the_loss_trains(make_inputs):
    cosine = build(make_inputs(TRAIN, triples=FACTS), loss=FullSoftmax(temperature=0.2, normalize=True))
    users, items = cosine.embeddings()
    assert torch.cat([users, items]).norm(dim=1).tolist() == pytest.approx([1] * 6)
    assert cosine.num_negatives == 0


@pytest.mark.parametrize("changed", [{"kg_weight": -1.0}, {"l2": float("nan")}, {"embedding_dim": 0}])
def test_bad_settings_are_refused(make_inputs, changed):
    with pytest.raises(InputError, match=rf"model\.{next(iter(changed))}: found"):
        build(make_inputs(TRAIN, triples=FACTS), **changed)
