"""KGCN against the paper's formula, computed pair by pair."""

from functools import partial

import pytest
import torch

from kgrec.errors import InputError
from kgrec.models.base import Batch, ModelInputs
from kgrec.models.kgcn import KGCN
from kgrec.nn.aggregators import Concat, Neighbor, Sum
from kgrec.nn.facts import NeighbourSampler
from kgrec.nn.losses import BinaryCrossEntropy, FullSoftmax, SampledSoftmax

# Items are entities 0 to 3; item 0 is reached by two relations, item 1 by one, item 3 by none.
TRIPLES = [(0, 0, 4), (0, 1, 5), (1, 0, 4), (1, 0, 6), (2, 1, 5), (5, 1, 6), (6, 0, 0)]
TRAIN = [[1, 0, 1, 0], [0, 1, 0, 1], [1, 1, 0, 0]]
USERS, ITEMS = torch.arange(3), torch.arange(4)
COSINE = partial(SampledSoftmax, temperature=0.2, normalize=True, num_negatives=2)


def make(inputs: ModelInputs, **changed: object) -> KGCN:
    torch.manual_seed(0)
    settings = {
        "embedding_dim": 3,
        "hops": 1,
        "neighbours": NeighbourSampler(size=3, seed=0),
        "aggregator": Sum,
        "init_std": 1.0,
        "l2_weight": 0.0,
        "loss": BinaryCrossEntropy(num_negatives=1),
    }
    model = KGCN(inputs, **(settings | changed))
    for aggregator in model.aggregators:
        torch.nn.init.normal_(aggregator.linear.bias)
    return model


@torch.no_grad()
def vector(model: KGCN, user: torch.Tensor, row: int, hop: int) -> torch.Tensor:
    """An entity after ``hop`` hops as the user sees it: the recursion as it stands in the paper."""
    if hop == 0:
        return model.entity_table.weight[row]
    near = [vector(model, user, int(other), hop - 1) for other in model.neighbours[row]]
    wanted = torch.stack([user @ model.relation_table.weight[r] for r in model.relations[row]])
    mixed = sum(weight * one for weight, one in zip(wanted.softmax(0), near, strict=True))
    out = model.aggregators[hop - 1](vector(model, user, row, hop - 1), mixed)
    return out.tanh() if hop == len(model.aggregators) else out.relu()


@pytest.mark.parametrize("loss", [BinaryCrossEntropy(num_negatives=1), COSINE()])
@pytest.mark.parametrize("aggregator", [Sum, Concat, Neighbor])
@pytest.mark.parametrize("hops", [1, 2, 3])
def test_scores_are_the_papers(make_inputs, hops, aggregator, loss) -> None:
    model = make(make_inputs(TRAIN, triples=TRIPLES), hops=hops, aggregator=aggregator, loss=loss)
    space = model.criterion.ranking_space
    users = model.user_table.weight.detach()
    vectors = [torch.stack([vector(model, user, item, hops) for item in range(4)]) for user in users]
    rows = zip(space(users), vectors, strict=True)
    expected = torch.stack([space(items) @ user for user, items in rows])
    torch.testing.assert_close(model.score(USERS), expected)
    pairs = model.score_pairs(USERS.repeat_interleave(4), ITEMS.repeat(3))
    torch.testing.assert_close(pairs.view(3, 4), expected)


def test_items_of_one_relation_are_the_same_for_all_users(make_inputs) -> None:
    inputs = make_inputs(TRAIN, triples=TRIPLES)
    model = make(inputs)
    assert 1 in model._fixed.tolist()
    assert 3 in model._fixed.tolist()
    assert 0 in model._varying.tolist()
    assert len(make(inputs, hops=2)._fixed) == 0


def test_scores_do_not_depend_on_how_many_numbers_are_held(make_inputs, monkeypatch) -> None:
    model = make(make_inputs(TRAIN, triples=TRIPLES), hops=2)
    whole = model.score(USERS)
    monkeypatch.setattr("kgrec.models.kgcn._CACHED", 1)
    monkeypatch.setattr("kgrec.models.kgcn._HELD", 1)
    torch.testing.assert_close(model.score(USERS), whole)


def test_loss_is_that_of_the_scores_and_the_penalty(make_inputs) -> None:
    model = make(make_inputs(TRAIN, triples=TRIPLES), l2_weight=0.1)
    batch = Batch(torch.tensor([0, 1]), torch.tensor([2, 1]), torch.tensor([[1], [0]]), step=0)
    scores = model.score(USERS)
    criterion = BinaryCrossEntropy(num_negatives=1)
    ranked = criterion.of_scores(scores[[0, 1], [2, 1]], scores[[0, 1], [1, 0]].unsqueeze(1))
    users, items = model.user_table.weight[[0, 0, 1, 1]], model.entity_table.weight[[2, 1, 1, 0]]
    l2 = 0.1 * (users.square().sum() + items.square().sum()) / 8
    torch.testing.assert_close(model.loss(batch), ranked + l2)


def test_bad_settings_are_refused(make_inputs) -> None:
    inputs = make_inputs(TRAIN, triples=TRIPLES)
    with pytest.raises(InputError, match=r"model\.hops: found 0"):
        make(inputs, hops=0)
    with pytest.raises(InputError, match=r"model\.l2_weight: found -1"):
        make(inputs, l2_weight=-1)
    with pytest.raises(InputError, match=r"model\.loss: found FullSoftmax.*loss=bce, bpr or sampled_softmax"):
        make(inputs, loss=FullSoftmax(temperature=1.0, normalize=False))
