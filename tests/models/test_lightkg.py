"""LightKG: its propagation and its contrast, pair by pair."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from kgrec.errors import InputError
from kgrec.models.base import Batch
from kgrec.models.lightkg import LightKG
from kgrec.nn.losses import BPR, FullSoftmax

MATRIX = [[1, 1, 0], [0, 1, 1]]
TRIPLES = [(0, 0, 3), (1, 0, 3), (1, 0, 2), (1, 1, 2)]  # items are entities 0 to 2; two facts join 1 and 2
SETTINGS = {
    "embedding_dim": 4,
    "num_layers": 2,
    "dropout": 0.0,
    "temperature": 0.6,
    "user_contrast": 0.0,
    "item_contrast": 0.0,
}


def make(inputs, loss=None, **changed):
    torch.manual_seed(0)
    return LightKG(inputs, loss=loss or BPR(num_negatives=2), **(SETTINGS | changed))


@pytest.fixture
def inputs(make_inputs):
    return make_inputs(MATRIX, triples=TRIPLES)


@pytest.fixture
def batch():
    """User 0 and item 1 stand there twice, and so count twice."""
    users, items = torch.tensor([0, 0, 1]), torch.tensor([1, 0, 1])
    return Batch(users, items, torch.tensor([[2, 2], [2, 1], [0, 2]]), step=0)


def contrast(first, second, nodes_first, nodes_second):
    """The docstring's formula over all pairs; nodes are users 0 and 1, items 2 to 4, an entity."""
    among = np.zeros((5, 5))
    for i, j in [(0, 2), (0, 3), (1, 3), (1, 4), (3, 4)]:
        among[i, j] = among[j, i] = 1
    degree = np.array([2, 2, 2, 4, 2])  # an entity is a neighbour too; two facts are one
    alike = (among @ among + among) / np.sqrt(np.outer(degree, degree))
    total = 0.0
    for a, k in zip(first, nodes_first, strict=True):
        for b, m in zip(second, nodes_second, strict=True):
            cosine = F.cosine_similarity(a, b, dim=0).item()
            distinct = 1 - 1 / np.sqrt(degree[k] * degree[m])
            total += distinct * np.exp((1 - alike[k, m]) * cosine / 0.6)
    return total / (len(first) * len(second))


def test_the_contrast_is_the_formula_pair_by_pair(inputs, batch):
    model = make(inputs)
    plain = model.loss(batch).item()
    users, items, others = batch.users, batch.items, batch.negatives.flatten()
    rows, goods, bads = model.users[users], model.nodes[items], model.nodes[others]
    of_users = contrast(rows, rows, users.tolist(), users.tolist())
    of_items = contrast(goods, bads, (items + 2).tolist(), (others + 2).tolist())
    found = make(inputs, user_contrast=0.5).loss(batch).item()
    assert found == pytest.approx(plain + 0.5 * of_users, rel=1e-5)
    found = make(inputs, item_contrast=0.25).loss(batch).item()
    assert found == pytest.approx(plain + 0.25 * of_items, rel=1e-5)


def test_without_negatives_items_are_contrasted_with_items(inputs, batch):
    softmax = FullSoftmax(temperature=1.0, normalize=False)
    pairs = Batch(batch.users, batch.items, torch.empty(3, 0, dtype=torch.long), step=0)
    plain = make(inputs, softmax).loss(pairs).item()
    model = make(inputs, softmax, item_contrast=1.0)
    items = model.nodes[batch.items]
    nodes = (batch.items + 2).tolist()
    assert model.loss(pairs).item() == pytest.approx(plain + contrast(items, items, nodes, nodes), rel=1e-5)


def test_scores_are_those_of_the_propagated_embeddings(inputs):
    model = make(inputs).eval()
    nodes = model.propagation(torch.cat([model.users, model.nodes]), inputs.graph)
    assert torch.equal(model.score(torch.tensor([1])), (nodes[1:2] @ nodes[2:5].T))


def test_dropout_acts_in_training_only(inputs):
    model = make(inputs, dropout=0.5)
    assert torch.equal(model.eval().embeddings()[0], make(inputs).eval().embeddings()[0])
    torch.manual_seed(1)
    first = model.train().embeddings()[0]
    torch.manual_seed(1)
    assert torch.equal(model.embeddings()[0], first)
    assert not torch.allclose(first, make(inputs).embeddings()[0])


def test_a_user_follows_the_facts(make_inputs):
    """Items 0 and 1 share an entity, as do 2 and 3; users of item 0 should come to like item 1."""
    inputs = make_inputs(
        [[1, 0, 0, 0]] * 4 + [[0, 0, 1, 0]] * 4, triples=[(0, 0, 4), (1, 0, 4), (2, 0, 5), (3, 0, 5)]
    )
    model = make(inputs, FullSoftmax(temperature=0.2, normalize=True))
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
    [
        ("embedding_dim", 0),
        ("dropout", 1.0),
        ("temperature", 0.0),
        ("user_contrast", -1.0),
        ("item_contrast", -1.0),
    ],
)
def test_bad_settings_are_refused(inputs, name, value):
    with pytest.raises(InputError, match=rf"model\.{name}: found {value}, expected"):
        make(inputs, **{name: value})
