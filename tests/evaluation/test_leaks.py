from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from kgrec.data.dataset import RecDataset
from kgrec.data.labels import Negatives
from kgrec.errors import InputError
from kgrec.evaluation.leaks import check_no_leak, user_item_edges
from kgrec.kg.graph import Graph, build_graph


@pytest.fixture
def dataset(make_dataset: Callable[..., RecDataset]) -> RecDataset:
    return make_dataset(
        2, 5, train=[[0, 0], [1, 1]], valid=[[0, 2]], test=[[0, 3], [1, 4]], cold_valid=[2], cold_test=[3, 4]
    )


def graph_of(dataset: RecDataset, interactions: np.ndarray) -> Graph:
    triples = np.array([[0, 0, 3], [1, 0, 4]])
    return build_graph(2, 5, 5, ["near"], interactions, triples, dataset.item_to_entity)


def test_a_sound_dataset_and_graph_pass(dataset: RecDataset) -> None:
    check_no_leak(dataset, None)
    graph = graph_of(dataset, dataset.train)
    assert np.unique(user_item_edges(graph), axis=0).tolist() == dataset.train.tolist()
    check_no_leak(dataset, graph)


@pytest.mark.parametrize(
    ("part", "pair", "message"),
    [
        ("train", [1, 4], "dataset toy: 1 test pairs also stand in the training interactions, the first is "
         "user u1, item i4; expected none"),
        ("train", [0, 2], "1 valid pairs also stand in the training interactions"),
        ("valid", [0, 3], "1 test pairs also stand in the validation interactions"),
        ("train", [1, 3], "1 items of cold_test have a training interaction, the first is item i3"),
        ("train", [1, 2], "1 items of cold_valid have a training interaction"),
        ("valid", [1, 3], "1 items of cold_test have a validation interaction"),
    ],
)  # fmt: skip
def test_a_leak_between_splits_is_named(
    dataset: RecDataset, part: str, pair: list[int], message: str
) -> None:
    leaky = replace(dataset, **{part: np.concatenate([getattr(dataset, part), [pair]])})
    with pytest.raises(InputError) as error:
        check_no_leak(leaky, None)
    assert message in str(error.value)


@pytest.mark.parametrize(("pair", "split"), [([0, 3], "test"), ([0, 2], "valid")])
def test_a_held_out_pair_in_the_graph_is_named(dataset: RecDataset, pair: list[int], split: str) -> None:
    graph = graph_of(dataset, np.concatenate([dataset.train, [pair]]))
    with pytest.raises(InputError, match=f"1 {split} pairs also stand in the graph, the first is user u0"):
        check_no_leak(dataset, graph)


def test_one_direction_and_any_relation_suffice(dataset: RecDataset) -> None:
    sound = graph_of(dataset, dataset.train)
    item_to_user = torch.tensor([[int(sound.item_nodes[4])], [int(sound.user_nodes[1])]])
    leaky = replace(
        sound,
        edge_index=torch.cat([sound.edge_index, item_to_user], dim=1),
        edge_type=torch.cat([sound.edge_type, torch.tensor([0])]),
    )
    with pytest.raises(InputError, match="in the graph, the first is user u1, item i4"):
        check_no_leak(dataset, leaky)


@pytest.mark.parametrize("part", ["train", "valid", "test"])
def test_a_negative_among_the_interactions_or_in_the_graph_is_named(dataset: RecDataset, part: str) -> None:
    drawn = {name: np.empty((0, 2), dtype=np.int64) for name in ("train", "valid", "test")}
    sound = replace(dataset, negatives=Negatives(**(drawn | {part: np.array([[1, 3]])})))
    check_no_leak(sound, graph_of(sound, sound.train))
    with pytest.raises(
        InputError, match=f"1 negative {part} pairs also stand in the graph, the first is user u1"
    ):
        check_no_leak(sound, graph_of(sound, np.concatenate([sound.train, [[1, 3]]])))
    for observed in dataset.train, dataset.valid, dataset.test:
        leaky = replace(dataset, negatives=Negatives(**(drawn | {part: observed[:1]})))
        with pytest.raises(InputError, match=f"1 negative {part} pairs also stand in the interactions"):
            check_no_leak(leaky, None)
