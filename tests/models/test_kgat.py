from functools import partial

import pytest
import torch
import torch.nn.functional as F

from kgrec.errors import InputError
from kgrec.models.base import Batch
from kgrec.models.kgat import KGAT, edge_triples
from kgrec.models.triple_sampler import TripleSampler
from kgrec.nn.knowledge_attention import BiInteraction, KnowledgeAttention
from kgrec.nn.losses import BPR
from kgrec.nn.translation import TransR

FACTS = [(0, 0, 4), (1, 0, 4), (2, 0, 5), (3, 1, 5)]
TRAIN = [[1, 0, 0, 0], [0, 0, 1, 1]]
BATCH = Batch(torch.tensor([0, 1]), torch.tensor([0, 2]), torch.tensor([[1], [0]]), step=3)


def build(inputs, **changed):
    settings = {
        "embedding_dim": 8,
        "layers": partial(BiInteraction, layer_dims=[6, 4], dropout=0.0),
        "loss": BPR(num_negatives=1),
        "kg_weight": 0.5,
        "l2": 0.2,
        "translation": partial(TransR, relation_dim=4, normalize=False),
        "triples": partial(TripleSampler, batch_size=16, seed=0),
    }
    torch.manual_seed(0)
    return KGAT(inputs, **(settings | changed))


def test_score_and_loss_are_those_of_the_formula(make_inputs):
    inputs = make_inputs(TRAIN, triples=FACTS)
    model = build(inputs)
    nodes = model.table.weight
    attention = KnowledgeAttention(inputs.graph)(nodes, model.translation)
    propagated = model.layers(nodes, attention)
    users, items = propagated[:2], propagated[2:6]
    assert users.shape == (2, 8 + 6 + 4)
    scores = users @ items.T
    assert torch.allclose(model.score(torch.tensor([0, 1])), scores)

    ranking = F.softplus(scores[[0, 1], [1, 0]] - scores[[0, 1], [0, 2]]).mean()
    edges = model.triples.sample(3, torch.device("cpu"))

    def distance(tails):
        matrices = model.translation.projections[edges.relations]
        difference = torch.einsum("bd,bdk->bk", nodes[edges.heads] - nodes[tails], matrices)
        return (difference + model.translation.relations[edges.relations]).square().sum(1)

    kg = F.softplus(distance(edges.tails) - distance(edges.negatives[:, 0])).mean()
    read = items[torch.tensor([[0, 1], [2, 0]])].square().sum() / 2
    penalty = (users.square().sum() / 2 + read) / 2
    assert model.loss(BATCH).item() == pytest.approx((ranking + 0.5 * kg + 0.2 * penalty).item(), rel=1e-5)


def test_triples_are_all_edges_seen_from_the_node_that_listens(make_inputs):
    graph = make_inputs([[1]], triples=[(0, 0, 1)]).graph
    # user 0, item 1, entity 2; relations: fact 0, interacts 1, and their inverses 2 and 3
    assert sorted(edge_triples(graph).tolist()) == [[0, 3, 1], [1, 1, 0], [1, 2, 2], [2, 0, 1]]


def test_attention_is_kept_through_an_epoch_and_anew_after_it(make_inputs):
    model = build(make_inputs(TRAIN, triples=FACTS)).train()
    first = model.loss(BATCH).item()
    with torch.no_grad():
        model.translation.projections.mul_(-3.0)
    users, _ = model.embeddings()
    kept = users.detach().clone()
    model.train()
    users, _ = model.embeddings()
    assert not torch.allclose(users, kept)
    with torch.no_grad():
        model.translation.projections.mul_(-1 / 3)
    model.train()
    assert model.loss(BATCH).item() == pytest.approx(first, rel=1e-5)


def test_evaluation_follows_the_weights(make_inputs):
    model = build(make_inputs(TRAIN, triples=FACTS)).eval()
    with torch.no_grad():
        before = model.score(torch.tensor([0]))
        state = {name: 2 * weight for name, weight in model.state_dict().items()}
        model.load_state_dict(state)
        after = model.score(torch.tensor([0]))
    fresh = build(make_inputs(TRAIN, triples=FACTS)).eval()
    fresh.load_state_dict(state)
    assert not torch.allclose(before, after)
    assert torch.equal(after, fresh.score(torch.tensor([0])))


def test_learns_the_blocks(make_inputs, two_blocks):
    model = build(make_inputs(two_blocks, triples=[(item, 0, 8 + item // 4) for item in range(8)]), l2=0.0)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    pairs = torch.tensor(two_blocks).nonzero()
    for step in range(60):
        negatives = 4 - pairs[:, 1] // 4 * 4 + torch.randint(4, (len(pairs),))
        optimizer.zero_grad()
        model.train().loss(Batch(pairs[:, 0], pairs[:, 1], negatives[:, None], step)).backward()
        optimizer.step()
    scores = model.eval().score(torch.arange(8)).detach()
    unseen = scores.masked_fill(torch.tensor(two_blocks) > 0, -torch.inf)
    assert (unseen.argmax(1) // 4).tolist() == [0] * 4 + [1] * 4


def test_without_weight_the_translation_is_not_trained(make_inputs):
    model = build(make_inputs(TRAIN, triples=FACTS), kg_weight=0.0)
    model.loss(BATCH).backward()
    assert not any(parameter.requires_grad for parameter in model.translation.parameters())
    assert all(parameter.grad is not None for parameter in model.parameters() if parameter.requires_grad)


@pytest.mark.parametrize("changed", [{"kg_weight": -1.0}, {"l2": -0.1}, {"embedding_dim": 0}])
def test_bad_settings_are_refused(make_inputs, changed):
    with pytest.raises(InputError, match=rf"model\.{next(iter(changed))}: found"):
        build(make_inputs(TRAIN, triples=FACTS), **changed)
