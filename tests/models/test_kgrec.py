"""KGRec: propagation, its two tasks, settings."""

import pytest
import torch
import torch.nn.functional as F

from kgrec.errors import InputError
from kgrec.models.base import Batch
from kgrec.models.kgrec import KGRec, SelfSupervision
from kgrec.nn.dropout import GraphDropout
from kgrec.nn.fact_attention import FactEdges
from kgrec.nn.losses import BPR, FullSoftmax

MATRIX = [[1, 1, 0], [0, 1, 1]]
TRIPLES = [(0, 0, 3), (1, 0, 3), (1, 1, 4), (2, 1, 4), (3, 0, 4)]  # items are entities 0 to 2
TASKS = {
    "mask_size": 2,
    "mask_weight": 0.0,
    "contrast_weight": 0.0,
    "temperature": 0.5,
    "contrast_drop": 0.5,
}
SETTINGS = {
    "embedding_dim": 4,
    "num_layers": 2,
    "num_heads": 2,
    "dropout": GraphDropout(edges=0.0, messages=0.0),
    "l2": 0.0,
}


def make(inputs, loss=None, tasks=None, **changed):
    torch.manual_seed(0)
    tasks = SelfSupervision(**(TASKS | (tasks or {})))
    return KGRec(inputs, loss=loss or BPR(num_negatives=1), tasks=tasks, **(SETTINGS | changed))


@pytest.fixture
def inputs(make_inputs):
    return make_inputs(MATRIX, triples=TRIPLES)


@pytest.fixture
def batch():
    return Batch(torch.tensor([0, 1]), torch.tensor([1, 2]), torch.tensor([[2], [0]]), step=0)


def loss_of(model, batch):
    torch.manual_seed(1)
    return model.loss(batch).item()


def test_embeddings_are_sums_over_layers_of_unit_rows(inputs):
    model = make(inputs)
    facts, seen = FactEdges(inputs.graph), torch.tensor(MATRIX, dtype=torch.float32)
    nodes = total = model.nodes
    for _ in range(2):
        others = model.attention(nodes, facts, torch.ones(facts.num_edges))[2:]
        nodes = F.normalize(torch.cat([seen @ nodes[2:5], others]))
        total = total + nodes
    users, items = model.embeddings()
    assert torch.allclose(users, total[:2], atol=1e-6)
    assert torch.allclose(items, total[2:5], atol=1e-6)


def test_labelled_pairs_have_the_l2_of_what_they_read(inputs):
    model = make(inputs, l2=0.5).eval()
    user_ids, item_ids = torch.tensor([0, 1, 1]), torch.tensor([2, 0, 2])
    users, items = model.embeddings()
    squares = users[user_ids].square().sum(1) + items[item_ids].square().sum(1)
    found = model.penalty(user_ids, item_ids, torch.ones(3))
    assert found.item() == pytest.approx(0.5 * squares.mean().item() / 2, rel=1e-5)
    assert make(inputs).penalty(user_ids, item_ids, torch.ones(3)).item() == 0


def test_masked_facts_are_not_passed_and_must_be_foretold(inputs, batch):
    everything = {"mask_size": 100}  # every fact is masked: items have nothing but their own embedding
    model = make(inputs, tasks=everything)
    rows, items = model.nodes[:2], model.nodes[2:5]
    seen = torch.tensor(MATRIX, dtype=torch.float32)
    rows = rows + F.normalize(seen @ items)  # the second layer's items are zeros
    good, bad = (rows * items[[1, 2]]).sum(1), (rows * items[[2, 0]]).sum(1)
    plain = F.softplus(bad - good).mean().item()
    assert loss_of(model, batch) == pytest.approx(plain, rel=1e-5)
    facts = FactEdges(inputs.graph)
    nodes = model.nodes.clone()
    nodes[:2] = rows
    foretold = model.attention.foretold(nodes, facts, torch.arange(facts.num_edges))
    expected = plain + 0.3 * F.softplus(-foretold).mean().item()
    found = loss_of(make(inputs, tasks=everything | {"mask_weight": 0.3}), batch)
    assert found == pytest.approx(expected, rel=1e-5)


def test_the_contrast_of_equal_views_and_of_its_weight(inputs, batch):
    model = make(inputs, tasks={"contrast_weight": 1.0})
    with torch.no_grad():
        for net in model.projections:  # every view becomes one and the same row: p = e^(1/τ), n = 2 p
            net[2].weight.zero_()
            net[2].bias.fill_(1.0)
    equal = -torch.tensor(0.25).log().item()
    plain = make(inputs)
    assert loss_of(model, batch) == pytest.approx(loss_of(plain, batch) + equal, rel=1e-5)


def test_dropout_and_tasks_act_in_training_only_and_follow_the_seed(inputs, batch):
    model = make(inputs, dropout=GraphDropout(edges=0.5, messages=0.3), tasks={"contrast_weight": 1.0})
    assert torch.equal(model.eval().embeddings()[1], make(inputs).eval().embeddings()[1])
    assert loss_of(model.train(), batch) == loss_of(model, batch)


def test_the_penalty_is_of_what_the_batch_reads(inputs, batch):
    model = make(inputs, tasks={"mask_size": 100})
    found = loss_of(make(inputs, tasks={"mask_size": 100}, l2=0.5), batch) - loss_of(model, batch)
    items = model.nodes[2:5]
    users = model.nodes[:2] + F.normalize(torch.tensor(MATRIX, dtype=torch.float32) @ items)
    read = users.square().sum() + items[[1, 2]].square().sum() + items[[2, 0]].square().sum()
    assert found == pytest.approx(0.5 * read.item() / 4, rel=1e-4)


def test_a_user_follows_the_facts(make_inputs):
    """Items 0 and 1 share an entity, as do 2 and 3; users of item 0 should come to like item 1."""
    inputs = make_inputs(
        [[1, 0, 0, 0]] * 4 + [[0, 0, 1, 0]] * 4, triples=[(0, 0, 4), (1, 0, 4), (2, 0, 5), (3, 0, 5)]
    )
    model = make(inputs, FullSoftmax(temperature=0.2, normalize=True), tasks={"mask_size": 1})
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
    ("name", "value"), [("embedding_dim", 5), ("num_heads", 0), ("num_layers", 0), ("l2", -1.0)]
)
def test_bad_settings_are_refused(inputs, name, value):
    with pytest.raises(InputError, match=rf"found {value}|{value} heads"):
        make(inputs, **{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mask_size", 0),
        ("mask_weight", -1.0),
        ("contrast_weight", -1.0),
        ("temperature", 0.0),
        ("contrast_drop", 1.0),
    ],
)
def test_bad_tasks_are_refused(name, value):
    with pytest.raises(InputError, match=rf"model\.tasks\.{name}: found {value}, expected"):
        SelfSupervision(**(TASKS | {name: value}))
