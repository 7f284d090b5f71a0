"""Known answers of the models without training: random, popularity and the three nearest-neighbour ones."""

import numpy as np
import pytest
import torch

from kgrec.errors import InputError
from kgrec.models.graph_knn import GraphKNN
from kgrec.models.item_knn import ItemKNN
from kgrec.models.popularity import Popularity
from kgrec.models.random import RandomScores
from kgrec.models.selection import ValidationRecall, some_of
from kgrec.models.text_knn import TextKNN

ALL = torch.arange(8)


def item_knn(inputs, num_neighbours: int, shrinkage: float) -> ItemKNN:
    model = ItemKNN(inputs, [num_neighbours], [shrinkage], selection_k=1)
    model.fit()
    return model


def test_popularity_counts_training_interactions(make_inputs):
    model = Popularity(make_inputs([[1, 1, 0, 0], [1, 0, 0, 0], [1, 1, 0, 0]]))
    assert model.score(torch.tensor([2, 0])).tolist() == [[3, 2, 0, 0]] * 2


def test_random_scores_depend_on_seed_and_user_only(make_inputs, two_blocks):
    inputs = make_inputs(two_blocks)
    model = RandomScores(inputs, seed=1)
    assert torch.equal(model.score(torch.tensor([5, 2])), model.score(ALL)[[5, 2]])
    assert not torch.equal(RandomScores(inputs, seed=2).score(ALL), model.score(ALL))
    assert len(set(model.score(ALL).flatten().tolist())) == 64


def test_item_knn_formula(make_inputs):
    inputs = make_inputs([[1, 1, 0, 0], [1, 1, 1, 0], [0, 0, 1, 0], [1, 0, 0, 0]])
    model = item_knn(inputs, 3, 0.5)
    sim01, sim02 = 2 / (np.sqrt(6) + 0.5), 1 / (np.sqrt(6) + 0.5)
    sim12 = 1 / (2 + 0.5)
    expected = [[sim01, sim01, sim02 + sim12, 0], [0, sim01, sim02, 0]]
    assert model.score(torch.tensor([0, 3])).numpy() == pytest.approx(np.array(expected), rel=1e-6)


def test_item_knn_keeps_only_the_nearest(make_inputs):
    inputs = make_inputs([[1, 1, 0], [1, 1, 1], [0, 0, 1], [1, 0, 0]])
    model = item_knn(inputs, 1, 0.0)
    # nearest to 0 is 1 and to 1 is 0; nearest to 2 is 1 (1/2 against 1/sqrt(6))
    sim01 = 2 / np.sqrt(6)
    assert model.score(torch.tensor([3])).numpy() == pytest.approx(np.array([[0, sim01, 0]]))
    assert model.score(torch.tensor([0])).numpy() == pytest.approx(np.array([[sim01, sim01, 0.5]]))


def test_item_knn_recommends_within_the_block(make_inputs, two_blocks):
    model = item_knn(make_inputs(two_blocks), 4, 10.0)
    unseen = model.score(ALL).masked_fill(torch.tensor(two_blocks) > 0, -1)
    assert unseen.argmax(1).tolist() == list(range(8))


def test_item_knn_setting_is_chosen_on_validation(make_inputs):
    rng = np.random.default_rng(2)
    draw = rng.random((40, 20))
    inputs = make_inputs((draw < 0.3).tolist(), ((draw >= 0.3) & (draw < 0.5)).tolist())
    recall = ValidationRecall(inputs.dataset, 3)
    grid = [(length, shrinkage) for shrinkage in (0.0, 20.0) for length in (1, 5, 20)]
    values = {setting: recall(some_of(item_knn(inputs, *setting).score)) for setting in grid}
    best = max(values, key=values.__getitem__)
    assert values[best] > values[grid[0]]
    chosen = ItemKNN(inputs, [1, 5, 20], [0.0, 20.0], selection_k=3)
    chosen.fit()
    users = torch.arange(40)
    assert torch.allclose(chosen.score(users), item_knn(inputs, *best).score(users), atol=1e-6)


@pytest.mark.parametrize(
    ("neighbours", "shrinkage", "k"), [([0], [1.0], 1), ([], [1.0], 1), ([5], [-1.0], 1), ([5], [1.0], 0)]
)
def test_item_knn_refuses_bad_settings(make_inputs, neighbours, shrinkage, k):
    with pytest.raises(InputError, match="expected"):
        ItemKNN(make_inputs([[1, 0]]), neighbours, shrinkage, k)


def test_text_knn_is_the_cosine_to_the_mean_of_unit_vectors(make_inputs):
    text = [[10.0, 0.0], [0.0, 0.1], [2.0, 2.0], [0.0, 0.0]]
    model = TextKNN(make_inputs([[1, 1, 0, 0], [0, 1, 0, 1], [0, 0, 0, 1]], text=text), center=False)
    half = np.sqrt(0.5)
    expected = [[half, half, 1, 0], [0, 1, half, 0], [0, 0, 0, 0]]
    assert model.score(torch.arange(3)).numpy() == pytest.approx(np.array(expected), abs=1e-6)


def test_text_knn_centring_spreads_what_is_common(make_inputs):
    text = [[9.0, 1.0], [9.0, -1.0], [9.0, 1.0], [9.0, -1.0]]
    inputs = make_inputs([[1, 0, 0, 0]], text=text)
    assert TextKNN(inputs, center=False).score(ALL[:1]).min() > 0.9
    centred = TextKNN(inputs, center=True).score(ALL[:1])
    assert centred.numpy() == pytest.approx(np.array([[1, -1, 1, -1]]))


def test_graph_knn_sums_cosines_over_the_history(make_inputs):
    # entity 4 is shared by items 0, 1; entity 5 by items 1, 2; item 3 has no fact; both have df 2
    triples = [(0, 0, 4), (1, 0, 4), (1, 0, 5), (2, 0, 5)]
    model = GraphKNN(make_inputs([[1, 0, 0, 0], [1, 1, 0, 0], [0, 0, 0, 1]], triples=triples))
    half = np.sqrt(0.5)
    expected = [[1, half, 0, 0], [1 + half, half + 1, half, 0], [0, 0, 0, 0]]
    assert model.score(torch.arange(3)).numpy() == pytest.approx(np.array(expected), abs=1e-6)


def test_graph_knn_without_facts_scores_nothing(make_inputs, two_blocks):
    assert not GraphKNN(make_inputs(two_blocks)).score(ALL).any()
