from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from kgrec.errors import InputError
from kgrec.models.base import ModelInputs
from kgrec.models.ease import EASE
from kgrec.models.item_operator import ItemOperator, SolvedOperator
from kgrec.models.selection import ValidationRecall, some_of

# Items 0, 1, 2 and 3; item 1 is touched by nobody, and user 0 will want it next.
TRAIN = [[1, 0, 0, 0], [1, 0, 1, 0]]
WANTS_1 = [[0, 1, 0, 0], [0, 0, 0, 0]]
WANTS_3 = [[0, 0, 0, 1], [0, 0, 0, 0]]
WANTS_2 = [[0, 0, 1, 0], [0, 0, 0, 0]]
JOINS_1, JOINS_3 = [(0, 0, 4), (1, 0, 4)], [(0, 0, 4), (3, 0, 4)]

# XᵀX + w FFᵀ + λ over items 0, 1, 2, with λ = 1 and w = 3 for a fact that items 0 and 1 share:
#     6 3 1
#     3 4 0
#     1 0 2
# Column j of B is the regression of item j on the others. On item 0: 4 b₁ = 3, 2 b₂ = 1. On item 1:
# 6 b₀ + b₂ = 3, b₀ + 2 b₂ = 0. On item 2: 6 b₀ + 3 b₁ = 1, 3 b₀ + 4 b₁ = 0. Nothing leads to item 3.
BY_HAND = [
    [0, 6 / 11, 4 / 15, 0],
    [3 / 4, 0, -1 / 5, 0],
    [1 / 2, -3 / 11, 0, 0],
    [0, 0, 0, 0],
]
# Without the fact: 3 0 1, 0 1 0, 1 0 2.
WITHOUT_FACTS = [[0, 0, 1 / 3, 0], [0, 0, 0, 0], [1 / 2, 0, 0, 0], [0, 0, 0, 0]]


def operator(**changed: object) -> ItemOperator:
    settings = {
        "ridge": [1.0],
        "facts": [3.0],
        "text": [],
        "popularity": [0.0],
        "max_relations": 2,
        "selection_k": 1,
    }
    return ItemOperator(**{**settings, **changed})  # type: ignore[arg-type]


def assert_weights(solved: SolvedOperator, expected: list[list[float]]) -> None:
    torch.testing.assert_close(solved.weights, torch.tensor(expected, dtype=torch.float32))


def with_relation(facts: list[tuple[int, int, int]], relation: int) -> list[tuple[int, int, int]]:
    return [(head, relation, tail + relation) for head, _, tail in facts]


def test_a_shared_fact_counts_like_users_who_chose_both(make_inputs) -> None:
    solved = operator().solve(make_inputs(TRAIN, WANTS_1, triples=JOINS_1))
    assert_weights(solved, BY_HAND)
    assert solved.setting == {"ridge": 1.0, "r0": 3.0, "popularity": 0.0}
    # User 0 touched item 0, user 1 items 0 and 2.
    expected = [BY_HAND[0], [a + b for a, b in zip(BY_HAND[0], BY_HAND[2], strict=True)]]
    torch.testing.assert_close(solved.score(torch.tensor([0, 1])), torch.tensor(expected))
    torch.testing.assert_close(solved.score(torch.tensor([1])), torch.tensor(expected[1:]))


def test_alike_texts_count_like_users_who_chose_both(make_inputs) -> None:
    """Items 0 and 1 have one text and item 3 none; item 2 has the opposite once the mean is subtracted."""
    text = [[2.0, 10.0], [2.0, 10.0], [-5.0, 10.0], [0.0, 0.0]]
    solved = operator(facts=[], text=[20.0]).solve(make_inputs(TRAIN, WANTS_1, text=text))
    assert solved.setting == {"ridge": 1.0, "text": 20.0, "popularity": 0.0}
    signs = np.array([1.0, 1.0, -1.0, 0.0])
    gram = np.array(TRAIN).T @ np.array(TRAIN) + 20 * np.outer(signs, signs) + np.eye(4)
    for item in range(4):
        others = [other for other in range(4) if other != item]
        column = np.linalg.solve(gram[np.ix_(others, others)], gram[others, item])
        assert solved.weights[others, item].numpy() == pytest.approx(column, abs=1e-6)


@pytest.mark.parametrize("noise", [0, 1])
def test_a_relation_of_noise_weighs_0(make_inputs, noise) -> None:
    """The relation that joins items 0 and 3 is tried before or after the one that joins 0 and 1."""
    facts = with_relation(JOINS_1, 1 - noise) + with_relation(JOINS_3, noise)
    solved = operator().solve(make_inputs(TRAIN, WANTS_1, triples=facts))
    assert solved.setting == {"ridge": 1.0, f"r{1 - noise}": 3.0, "popularity": 0.0}
    assert_weights(solved, BY_HAND)


def test_relations_that_help_are_added_up(make_inputs) -> None:
    """The case by hand, twice side by side: in the second one another relation joins the items."""
    pair = np.eye(2, dtype=int)
    facts = [
        *[(head, 0, tail + 4) for head, _, tail in JOINS_1],
        *[(head + 4, 1, tail + 5) for head, _, tail in JOINS_1],
    ]
    inputs = make_inputs(np.kron(pair, TRAIN).tolist(), np.kron(pair, WANTS_1).tolist(), triples=facts)
    solved = operator().solve(inputs)
    assert solved.setting == {"ridge": 1.0, "r0": 3.0, "r1": 3.0, "popularity": 0.0}
    assert_weights(solved, np.kron(pair, BY_HAND).tolist())


def test_where_no_fact_helps_all_weigh_0(make_inputs) -> None:
    solved = operator(facts=[3.0, 9.0]).solve(make_inputs(TRAIN, WANTS_2, triples=JOINS_1))
    assert solved.setting == {"ridge": 1.0, "popularity": 0.0}
    assert_weights(solved, WITHOUT_FACTS)


def test_among_equals_the_first_weight_is_taken(make_inputs) -> None:
    for weights in ([3.0, 9.0], [9.0, 3.0]):
        solved = operator(facts=weights).solve(make_inputs(TRAIN, WANTS_1, triples=JOINS_1))
        assert solved.setting["r0"] == weights[0]


@pytest.mark.parametrize(
    ("changed", "valid"),
    [({"facts": []}, WANTS_1), ({"max_relations": 0}, WANTS_1)],
)
def test_without_weights_or_relations_to_try_there_are_no_facts(make_inputs, changed, valid) -> None:
    solved = operator(**changed).solve(make_inputs(TRAIN, valid, triples=JOINS_1))
    assert set(solved.setting) - {"popularity"} == {"ridge"}
    assert_weights(solved, WITHOUT_FACTS)


def test_relations_beyond_the_most_that_are_tried_are_left_out(make_inputs) -> None:
    facts = with_relation(JOINS_3, 0) + with_relation(JOINS_1, 1)
    inputs = make_inputs(TRAIN, WANTS_1, triples=facts)
    assert "r1" not in operator(max_relations=1).solve(inputs).setting
    assert "r1" in operator(max_relations=2).solve(inputs).setting


def test_choices_follow_validation_and_never_test(make_inputs) -> None:
    facts = with_relation(JOINS_1, 0) + with_relation(JOINS_3, 1)
    for valid, test, chosen in ((WANTS_1, WANTS_3, "r0"), (WANTS_3, WANTS_1, "r1")):
        inputs = make_inputs(TRAIN, valid, triples=facts)
        dataset = replace(inputs.dataset, test=np.argwhere(np.array(test)))
        solved = operator().solve(replace(inputs, dataset=dataset))
        assert solved.setting == {"ridge": 1.0, chosen: 3.0, "popularity": 0.0}


def test_the_ridge_is_chosen_on_validation(make_inputs) -> None:
    draw = np.random.default_rng(1).random((30, 20))
    inputs = make_inputs((draw < 0.3).tolist(), ((draw >= 0.3) & (draw < 0.4)).tolist())
    recall = ValidationRecall(inputs.dataset, 3)
    values = {ridge: recall(some_of(ease_scores(inputs, ridge))) for ridge in (0.01, 1.0, 100.0)}
    assert len(set(values.values())) == 3
    best = max(values, key=values.__getitem__)
    for order in (sorted(values), sorted(values, reverse=True)):
        chosen = operator(ridge=order, selection_k=3).solve(inputs)
        assert chosen.setting == {"ridge": best, "popularity": 0.0}
        torch.testing.assert_close(chosen.weights, operator(ridge=[best], facts=[]).solve(inputs).weights)


def test_the_ridge_is_chosen_once_more_when_the_facts_are_known(make_inputs) -> None:
    """The case by hand, and a user of items 4 and 6, who wants item 5: a fact joins these three.

    With interactions alone no λ finds anything, and the first is taken. At λ = 100 the fact finds item 5,
    but B₀₁ = 3 · 101 / (105 · 101 - 1) < B₀₂ + p ln 2 = 103 / (105 · 103 - 9) + 0.028 ln 2. At λ = 1 it finds
    item 1 too.
    """
    train = [[*row, 0, 0, 0] for row in TRAIN] + [[0, 0, 0, 0, 1, 0, 1]]
    valid = [[0, 1, 0, 0, 0, 0, 0], [0] * 7, [0, 0, 0, 0, 0, 1, 0]]
    facts = [(0, 0, 7), (1, 0, 7), (4, 0, 8), (5, 0, 8), (6, 0, 8)]
    inputs = make_inputs(train, valid, triples=facts)
    settings = {"ridge": [100.0, 1.0], "popularity": [0.028]}
    assert operator(facts=[], **settings).solve(inputs).setting["ridge"] == 100.0
    solved = operator(**settings).solve(inputs)
    assert solved.setting == {"ridge": 1.0, "r0": 3.0, "popularity": 0.028}
    torch.testing.assert_close(solved.weights[:4, :4], torch.tensor(BY_HAND, dtype=torch.float32))


def test_a_further_sweep_chooses_the_facts_again_when_the_ridge_is_known(make_inputs) -> None:
    """Each sweep is at least as good as the one before, and never goes on where nothing changes."""
    draw = np.random.default_rng(4).random((30, 20))
    facts = [(item, item % 2, 20 + item // 3) for item in range(20)]
    inputs = make_inputs((draw < 0.2).tolist(), ((draw >= 0.2) & (draw < 0.4)).tolist(), triples=facts)
    recall = ValidationRecall(inputs.dataset, 3)
    lists = {"ridge": [0.1, 1.0, 10.0], "facts": [0.5, 2.0, 8.0], "popularity": [0.0, 0.1], "selection_k": 3}
    solved = [operator(sweeps=sweeps, **lists).solve(inputs) for sweeps in (1, 2, 3, 9)]
    values = [recall(some_of(each.score)) for each in solved]
    assert values == sorted(values)
    assert solved[0].setting != solved[1].setting
    assert solved[2].setting == solved[3].setting


def test_weights_may_be_given_by_the_name_of_the_relation(make_inputs) -> None:
    facts = with_relation(JOINS_1, 0) + with_relation(JOINS_3, 1)
    inputs = make_inputs(TRAIN, WANTS_1, triples=facts)
    by_name = operator(relations={"r0": [3.0]}).solve(inputs)
    assert by_name.setting == {"ridge": 1.0, "r0": 3.0, "popularity": 0.0}
    assert_weights(by_name, BY_HAND)
    assert operator(relations={"r1": [3.0]}).solve(inputs).setting == {"ridge": 1.0, "popularity": 0.0}
    with pytest.raises(InputError, match=r"model\.relations: the graph has no relation 'r7', only r0, r1"):
        operator(relations={"r7": [3.0]}).solve(inputs)
    with pytest.raises(InputError, match=r"model\.relations\.r1: found \[0.0\]"):
        operator(relations={"r1": [0.0]})


def ease_scores(inputs: ModelInputs, ridge: float) -> Callable[[Tensor], Tensor]:
    model = EASE(inputs, [ridge], 1)
    model.fit()
    return model.score


def test_popularity_adds_its_weight_times_the_log_of_the_counts(make_inputs) -> None:
    solved = operator(facts=[], popularity=[0.5]).solve(make_inputs(TRAIN))  # one value needs no validation
    counts = torch.tensor([2.0, 0.0, 1.0, 0.0])
    torch.testing.assert_close(solved.log_counts, counts.log1p())
    expected = torch.tensor([WITHOUT_FACTS[0]]) + 0.5 * counts.log1p()
    torch.testing.assert_close(solved.score(torch.tensor([0])), expected)


def test_popularity_is_chosen_anew_with_each_block(make_inputs) -> None:
    """Users 0 and 3 want items 1 and 2; item 1 is the popular one.

    With interactions alone p = 0 finds item 2 for both and p = 1 finds item 1 for both: one hit either way,
    so the first is taken. With the fact that items 0 and 1 share, p = 0 has both hits.
    """
    train = [[1, 0, 0, 0], [1, 0, 1, 0], [0, 0, 1, 1], [0, 0, 0, 1], *[[0, 1, 0, 0]] * 4]
    valid = [[0, 1, 0, 0], [0] * 4, [0] * 4, [0, 0, 1, 0], *[[0] * 4] * 4]
    inputs = make_inputs(train, valid, triples=JOINS_1)
    for weights in ([0.0, 1.0], [1.0, 0.0]):
        assert operator(facts=[], popularity=weights).solve(inputs).popularity == weights[0]
        assert operator(popularity=weights).solve(inputs).setting == {
            "ridge": 1.0, "r0": 3.0, "popularity": 0.0,
        }  # fmt: skip


def test_the_better_weight_of_popularity_is_taken(make_inputs) -> None:
    inputs = make_inputs(TRAIN + [[0, 0, 0, 1]] * 4, WANTS_3 + [[0] * 4] * 4)
    for weights in ([0.0, 1.0], [1.0, 0.0]):
        solved = operator(popularity=weights).solve(inputs)
        assert solved.setting == {"ridge": 1.0, "popularity": 1.0}


def test_something_to_choose_needs_validation_data(make_inputs) -> None:
    inputs = make_inputs(TRAIN, triples=JOINS_1)
    operator(facts=[]).solve(inputs)
    for changed in ({}, {"facts": [], "ridge": [1.0, 2.0]}, {"facts": [], "popularity": [0.0, 1.0]}):
        with pytest.raises(InputError, match="no validation interaction to choose a setting by"):
            operator(**changed).solve(inputs)


def test_graph_and_text_are_needed(make_inputs) -> None:
    inputs = make_inputs(TRAIN, WANTS_1)
    for missing in ("graph", "text"):
        with pytest.raises(ValueError, match="needs a graph and text features"):
            operator().solve(replace(inputs, **{missing: None}))


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("ridge", []),
        ("ridge", [1.0, 0.0]),
        ("facts", [1.0, 0.0]),
        ("text", [-1.0]),
        ("popularity", []),
        ("popularity", [-0.1]),
        ("max_relations", -1),
        ("selection_k", 0),
        ("sweeps", 0),
    ],
)
def test_values_out_of_range_are_refused(setting: str, value: object) -> None:
    with pytest.raises(InputError, match=rf"model\.{setting}: found .*expected one or more numbers >"):
        operator(**{setting: value})


def test_to_moves_every_tensor(make_inputs) -> None:
    moved = operator(facts=[]).solve(make_inputs(TRAIN)).to(torch.device("meta"))
    for tensor in (moved.weights, moved.log_counts, moved.history.value, moved.history.col):
        assert tensor.device.type == "meta"
