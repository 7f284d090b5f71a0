"""KGIN against its formula, node by node."""

import pytest
import torch
import torch.nn.functional as F

from kgrec.errors import InputError
from kgrec.models.base import Batch
from kgrec.models.kgin import KGIN
from kgrec.nn.dropout import GraphDropout
from kgrec.nn.independence import distance_correlation
from kgrec.nn.losses import BPR, FullSoftmax, embedding_l2

MATRIX = [[1, 1, 0], [0, 1, 1]]
TRIPLES = [(0, 0, 3), (1, 0, 3), (1, 1, 4), (2, 1, 4), (3, 0, 4)]  # items are entities 0 to 2
SETTINGS = {
    "embedding_dim": 4,
    "num_layers": 2,
    "num_intents": 3,
    "dropout": GraphDropout(edges=0.0, messages=0.0),
    "independence": 0.0,
    "l2": 0.0,
}


def make(inputs, loss=None, **changed):
    torch.manual_seed(0)
    model = KGIN(inputs, loss=loss or BPR(num_negatives=1), **(SETTINGS | changed))
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_()
    return model


@pytest.fixture
def inputs(make_inputs):
    return make_inputs(MATRIX, triples=TRIPLES)


def expected_embeddings(model):
    """The formula of the docstring, one node and one fact at a time."""
    nodes = list(model.nodes.detach())  # items 0 to 2, entities 3 and 4
    users, relations = model.users.detach(), model.relations.detach()
    assert model._facts.node_ids.tolist() == [2, 3, 4, 5, 6]
    intents = model.intent_logits.detach().softmax(1) @ relations
    facts = [(h, r, t) for h, r, t in TRIPLES] + [(t, r + 2, h) for h, r, t in TRIPLES]
    all_users, all_items = users.clone(), torch.stack(nodes[:3])
    for _ in range(model.num_layers):
        items = nodes[:3]
        seen = [sum(items[i] for i in range(3) if row[i]) for row in MATRIX]
        beta = (users @ model.intent_queries.detach().T).softmax(1)
        users = torch.stack(
            [F.normalize(own * (1 + b @ intents), dim=0) for own, b in zip(seen, beta, strict=True)]
        )
        sums = [torch.zeros(4) for _ in nodes]
        for source, relation, target in facts:
            sums[target] = sums[target] + nodes[source] * relations[relation]
        nodes = [F.normalize(row, dim=0) for row in sums]
        all_users, all_items = all_users + users, all_items + torch.stack(nodes[:3])
    return all_users, all_items


@pytest.mark.parametrize("num_layers", [1, 2, 3])
def test_embeddings_follow_the_formula(inputs, num_layers):
    model = make(inputs, num_layers=num_layers)
    for found, expected in zip(model.embeddings(), expected_embeddings(model), strict=True):
        assert torch.allclose(found, expected, atol=1e-5)


def test_the_loss_is_ranking_and_both_penalties(inputs):
    model = make(inputs, l2=0.3, independence=0.7)
    batch = Batch(torch.tensor([0, 1]), torch.tensor([1, 2]), torch.tensor([[2], [0]]), step=0)
    users, items = model.embeddings()
    rows, good, bad = users, items[[1, 2]], items[[2, 0]]
    ranking = F.softplus((rows * bad).sum(1) - (rows * good).sum(1)).mean()
    length = (rows.square().sum() + good.square().sum() + bad.square().sum()) / 4
    intents = model.intent_logits.softmax(1) @ model.relations
    expected = ranking + 0.3 * length + 0.7 * distance_correlation(intents)
    assert model.loss(batch).item() == pytest.approx(expected.item(), rel=1e-5)
    penalty = model.penalty(batch.users, batch.items, torch.ones(2))
    assert penalty.item() == pytest.approx(
        (0.3 * embedding_l2(rows, good) + 0.7 * distance_correlation(intents)).item(), rel=1e-5
    )


def test_dropout_acts_in_training_only(inputs):
    model = make(inputs, dropout=GraphDropout(edges=0.5, messages=0.3))
    still = model.eval().embeddings()
    assert torch.equal(still[1], make(inputs).eval().embeddings()[1])
    torch.manual_seed(1)
    moved = model.train().embeddings()
    torch.manual_seed(1)
    again = model.embeddings()
    assert not torch.allclose(moved[1], still[1])
    assert torch.equal(moved[0], again[0])
    assert torch.equal(moved[1], again[1])


def test_interactions_may_stay_where_facts_are_dropped(inputs):
    """One layer: without facts items are what they were, and users sum all of theirs."""
    dropout = GraphDropout(edges=0.999999, messages=0.0, interactions=0.0)
    model = make(inputs, num_layers=1, dropout=dropout).train()
    users, items = model.embeddings()
    assert torch.equal(items, model.nodes[:3])
    assert torch.equal(users, make(inputs, num_layers=1).embeddings()[0])


def test_a_user_follows_the_facts(make_inputs):
    """Items 0 and 1 share an entity, as do 2 and 3; users of item 0 should come to like item 1."""
    inputs = make_inputs(
        [[1, 0, 0, 0]] * 4 + [[0, 0, 1, 0]] * 4, triples=[(0, 0, 4), (1, 0, 4), (2, 0, 5), (3, 0, 5)]
    )
    torch.manual_seed(0)
    model = KGIN(inputs, loss=FullSoftmax(temperature=0.2, normalize=True), **SETTINGS)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    users, items = torch.from_numpy(inputs.dataset.train).T
    for step in range(60):
        optimizer.zero_grad()
        model.loss(Batch(users, items, torch.empty(8, 0, dtype=torch.long), step)).backward()
        optimizer.step()
    scores = model.score(torch.arange(8)).detach()
    assert (scores[:4, 1] > scores[:4, 3]).all()
    assert (scores[4:, 3] > scores[4:, 1]).all()


@pytest.mark.parametrize(
    ("name", "value"),
    [("embedding_dim", 0), ("num_layers", 0), ("num_intents", 0), ("l2", -1.0), ("independence", -1.0)],
)
def test_bad_settings_are_refused(inputs, name, value):
    with pytest.raises(InputError, match=rf"model\.{name}: found {value}, expected"):
        make(inputs, **{name: value})
