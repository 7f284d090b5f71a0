"""Label smoothness by hand."""

import math

import pytest
import torch

from kgrec.errors import InputError
from kgrec.models.kgnn_ls import KGNNLS
from kgrec.nn.aggregators import Sum
from kgrec.nn.facts import NeighbourSampler
from kgrec.nn.losses import BinaryCrossEntropy

# Items 0 to 3. Item 0 meets items 1 and 2 directly, item 3 meets entity 4, which meets item 1 too.
TRIPLES = [(0, 0, 1), (0, 1, 2), (3, 0, 4)]
TRAIN = [[1, 1, 0, 0], [0, 0, 0, 1]]


def make(inputs, **changed: object) -> KGNNLS:
    torch.manual_seed(0)
    settings = {
        "embedding_dim": 2,
        "hops": 1,
        "neighbours": NeighbourSampler(size=2, seed=0),
        "aggregator": Sum,
        "init_std": 0.1,
        "l2_weight": 0.0,
        "ls_weight": 1.0,
        "loss": BinaryCrossEntropy(num_negatives=1),
    }
    model = KGNNLS(inputs, **(settings | changed))
    model.user_table.weight.data = torch.tensor([[1.0, 0.0], [0.0, 0.0]])
    model.relation_table.weight.data = torch.tensor([[math.log(3.0), 5.0], [0.0, 7.0]])
    return model


def labels_of(model: KGNNLS, pairs: list[tuple[int, int]], labels: list[float]) -> list[float]:
    users, items = torch.tensor(pairs).T
    return model.propagated_labels(users, items, torch.tensor(labels)).tolist()


def test_labels_reach_an_item_by_the_users_weights(make_inputs) -> None:
    model = make(make_inputs(TRAIN, triples=TRIPLES))
    # User 0 wants relation 0 three times as much: item 0 = 3/4 · item 1 (observed: 1) + 1/4 · item 2.
    assert labels_of(model, [(0, 0)], [1.0]) == pytest.approx([3 / 4 + 1 / 4 * 0.5])
    # With item 2 sampled in the same batch, its label is known to be 0 — but not to itself.
    found = labels_of(model, [(0, 0), (0, 2)], [1.0, 0.0])
    assert found == pytest.approx([3 / 4, 1.0])
    # What one user sampled tells nothing about another; user 1 weighs both alike and knows neither item.
    assert labels_of(model, [(1, 0), (0, 2)], [0.0, 0.0])[0] == pytest.approx(0.5)


def test_one_hop_reaches_no_label_beyond_an_entity_and_two_do(make_inputs) -> None:
    inputs = make_inputs(TRAIN, triples=[*TRIPLES, (1, 0, 4)])
    assert labels_of(make(inputs), [(0, 3)], [0.0]) == pytest.approx([0.5])
    # Entity 4 is reached from item 3, whose label is hidden (½), and from item 1 (1).
    assert labels_of(make(inputs, hops=2), [(0, 3)], [0.0]) == pytest.approx([0.75])


def test_known_labels_are_not_mixed_again(make_inputs) -> None:
    # Item 0 – item 1 – item 2 in a row: item 1 is observed and stays 1, whatever item 2 is.
    model = make(make_inputs(TRAIN, triples=[(0, 0, 1), (1, 0, 2)]), hops=2)
    assert labels_of(model, [(0, 0), (0, 2)], [1.0, 0.0])[0] == pytest.approx(1.0)


def test_penalty_is_the_cross_entropy_of_the_labels(make_inputs) -> None:
    model = make(make_inputs(TRAIN, triples=TRIPLES), ls_weight=2.0)
    users, items, labels = torch.tensor([0, 1]), torch.tensor([0, 3]), torch.tensor([1.0, 1.0])
    penalty = model.penalty(users, items, labels)
    assert penalty.item() == pytest.approx(-2 * (math.log(7 / 8) + math.log(1 / 2)) / 2)
    penalty.backward()
    assert model.relation_table.weight.grad.any()
    assert model.user_table.weight.grad.any()
    assert make(make_inputs(TRAIN, triples=TRIPLES), ls_weight=0.0).penalty(users, items, labels) == 0


def test_bad_settings_are_refused(make_inputs) -> None:
    with pytest.raises(InputError, match=r"model\.ls_weight: found -1"):
        make(make_inputs(TRAIN, triples=TRIPLES), ls_weight=-1)
