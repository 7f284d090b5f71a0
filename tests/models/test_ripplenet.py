"""RippleNet against the paper's formula, computed pair by pair."""

from functools import partial

import pytest
import torch

from kgrec.errors import InputError
from kgrec.models.base import ModelInputs
from kgrec.models.ripplenet import RippleNet
from kgrec.nn.losses import BinaryCrossEntropy, FullSoftmax, SampledSoftmax
from kgrec.nn.ripple_sets import RippleSampler

TRIPLES = [(0, 0, 4), (0, 1, 5), (1, 0, 4), (4, 1, 6), (2, 1, 5), (5, 1, 6), (6, 0, 0)]
TRAIN = [[1, 0, 1, 0], [0, 1, 0, 1], [0, 0, 0, 1]]  # item 3 has no fact, so user 2 has none
USERS, ITEMS = torch.arange(3), torch.arange(4)
COSINE = partial(SampledSoftmax, temperature=0.2, normalize=True, num_negatives=2)


def make(inputs: ModelInputs, hops: int = 2, inverses: bool = False, **changed: object) -> RippleNet:
    torch.manual_seed(0)
    settings = {
        "embedding_dim": 3,
        "ripple_sets": RippleSampler(hops=hops, size=3, inverses=inverses, seed=0),
        "init_std": 1.0,
        "kge_weight": 0.0,
        "l2_weight": 0.0,
        "loss": BinaryCrossEntropy(num_negatives=1),
    }
    return RippleNet(inputs, **(settings | changed))


def facts_of_user(model: RippleNet, user: int, hop: int) -> list[tuple[torch.Tensor, ...]]:
    table = model.entity_table.weight.detach()
    return [
        (table[model.heads[fact]], model.matrices[model.relations[fact]].detach(), table[model.tails[fact]])
        for fact in model.memories[user, hop]
    ]


@torch.no_grad()
def score(model: RippleNet, user: int, item: int) -> torch.Tensor:
    """One pair, as the formula stands in the paper."""
    if not model.has_facts[user]:
        return torch.tensor(0.0)
    v, total = model.entity_table.weight[item], torch.zeros(3)
    for hop in range(model.memories.shape[1]):
        facts = facts_of_user(model, user, hop)
        weights = torch.stack([v @ matrix @ head for head, matrix, _ in facts]).softmax(0)
        answer = sum(weight * tail for weight, (_, _, tail) in zip(weights, facts, strict=True))
        v = model.transform.weight @ (v + answer)
        total = total + answer
    space = model.criterion.ranking_space
    return (space(v.unsqueeze(0)) * space(total.unsqueeze(0))).sum()


@pytest.mark.parametrize("loss", [BinaryCrossEntropy(num_negatives=1), COSINE()])
@pytest.mark.parametrize("inverses", [False, True])
@pytest.mark.parametrize("hops", [1, 2, 3])
def test_scores_are_the_papers(make_inputs, hops, inverses, loss) -> None:
    model = make(make_inputs(TRAIN, triples=TRIPLES), hops=hops, inverses=inverses, loss=loss)
    expected = torch.stack(
        [torch.stack([score(model, user, item) for item in range(4)]) for user in range(3)]
    )
    torch.testing.assert_close(model.score(USERS), expected, rtol=1e-4, atol=1e-5)
    pairs = model.score_pairs(USERS.repeat_interleave(4), ITEMS.repeat(3))
    torch.testing.assert_close(pairs.view(3, 4), expected)
    assert expected[:2].all()
    assert not expected[2].any()


def test_scores_do_not_depend_on_how_many_numbers_are_held(make_inputs, monkeypatch) -> None:
    model = make(make_inputs(TRAIN, triples=TRIPLES))
    whole = model.score(USERS)
    monkeypatch.setattr("kgrec.models.ripplenet._HELD", 1)
    torch.testing.assert_close(model.score(USERS), whole)


def test_penalty_is_that_of_the_users_facts_and_the_items(make_inputs) -> None:
    inputs = make_inputs(TRAIN, triples=TRIPLES)
    users, items, labels = torch.tensor([1, 0, 1]), torch.tensor([3, 0, 2]), torch.tensor([1.0, 0.0, 0.0])
    model = make(inputs, kge_weight=0.5)
    doubt = [
        sum(1 - (head @ matrix @ tail).sigmoid() for head, matrix, tail in facts_of_user(model, user, hop))
        for user in users.tolist()
        for hop in range(2)
    ]
    torch.testing.assert_close(model.penalty(users, items, labels), 0.5 * sum(doubt) / (3 * 3))
    model = make(inputs, l2_weight=0.5)
    squares = [
        sum(sum(part.square().sum() for part in fact) for fact in facts_of_user(model, user, hop)) / 3
        for user in users.tolist()
        for hop in range(2)
    ]
    of_items = model.entity_table.weight[items].square().sum()
    expected = 0.25 * (sum(squares) + of_items) / 3
    torch.testing.assert_close(model.penalty(users, items, labels), expected)


def test_a_user_without_facts_has_no_penalty_of_facts(make_inputs) -> None:
    model = make(make_inputs(TRAIN, triples=TRIPLES), kge_weight=1.0)
    assert model.penalty(torch.tensor([2]), torch.tensor([0]), torch.tensor([1.0])) == 0


def test_bad_settings_are_refused(make_inputs) -> None:
    inputs = make_inputs(TRAIN, triples=TRIPLES)
    for name in ("kge_weight", "l2_weight"):
        with pytest.raises(InputError, match=rf"model\.{name}: found -1"):
            make(inputs, **{name: -1})
    with pytest.raises(InputError, match=r"model\.loss: found FullSoftmax"):
        make(inputs, loss=FullSoftmax(temperature=1.0, normalize=False))
