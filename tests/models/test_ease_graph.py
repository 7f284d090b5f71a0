import numpy as np
import pytest
import torch

from kgrec.models.ease import EASE
from kgrec.models.ease_graph import EASEGraph
from kgrec.models.item_operator import ItemOperator


def fitted(inputs, facts: list[float], popularity: float = 0.0, ridge: float = 1.0) -> EASEGraph:
    operator = ItemOperator([ridge], facts, [], [popularity], max_relations=1, selection_k=1)
    model = EASEGraph(inputs, operator)
    model.fit()
    return model


def test_without_facts_and_text_it_is_ease(make_inputs) -> None:
    rng = np.random.default_rng(0)
    train = (rng.random((20, 9)) < 0.4).astype(int).tolist()
    facts, text = [(item, 0, 9 + item % 3) for item in range(9)], rng.standard_normal((9, 2)).tolist()
    inputs = make_inputs(train, triples=facts, text=text)
    ease = EASE(inputs, [2.0], 1)
    ease.fit()
    users = torch.tensor([3, 19, 0])
    expected = ease.score(users)
    assert expected.any()
    torch.testing.assert_close(fitted(inputs, [], ridge=2.0).score(users), expected, atol=1e-5, rtol=1e-4)


def test_a_cold_item_is_scored_through_the_fact_it_shares(make_inputs) -> None:
    """Items 0 and 1 share a fact that counts like two users; item 0 has one user, item 2 another.

    B₀₁ = w / (n₀ + w + λ) = 2 / (1 + 2 + 1); B₁₀ = w / (w + λ) = 2 / 3.
    """
    train, valid = [[1, 0, 0], [0, 0, 1]], [[0, 1, 0], [0, 0, 0]]
    triples = [(0, 0, 3), (1, 0, 3)]
    # With p = 0.1 the popular item 2 is first until the fact is read.
    model = fitted(make_inputs(train, valid, triples=triples), [2.0], popularity=0.1)
    bias = 0.1 * np.log(2)
    expected = torch.tensor([[bias, 0.5, bias], [bias, 0.0, bias]], dtype=torch.float32)
    torch.testing.assert_close(model.score(torch.tensor([0, 1])), expected)
    assert model.weights[1, 0].item() == pytest.approx(2 / 3)
    assert model.chosen == {"ridge": 1.0, "r0": 2.0, "popularity": 0.1}


def test_before_it_is_fitted_it_says_nothing_and_loaded_it_is_the_stored_one(make_inputs, two_blocks) -> None:
    inputs = make_inputs(two_blocks)
    operator = ItemOperator([1.0], [], [], [0.2], max_relations=1, selection_k=1)
    stored, fresh = fitted(inputs, [], popularity=0.2), EASEGraph(inputs, operator)
    users = torch.arange(8)
    assert not fresh.score(users).any()
    fresh.load_state_dict(stored.state_dict())
    assert torch.equal(fresh.score(users), stored.score(users))
    assert stored.score(users).any()
