import numpy as np
import pytest
import scipy.sparse as sp
import torch

from kgrec.models import gram as module
from kgrec.models.gram import Gram

RIDGE, WEIGHTS = 2.0, {"a": 3.0, "b": 0.5}


@pytest.fixture
def interactions() -> sp.csr_array:
    """Users of many items, of one and of none."""
    X = (np.random.default_rng(0).random((40, 25)) < 0.1).astype(float)
    X[30:39] = np.eye(25)[:9]
    X[39] = 0
    return sp.csr_array(X)


@pytest.fixture
def blocks() -> dict[str, np.ndarray | sp.csr_array]:
    rng = np.random.default_rng(1)
    return {
        name: sp.csr_array(rng.random((25, width)) * (rng.random((25, width)) < 0.2))
        for name, width in (("a", 4), ("b", 6), ("unused", 3))
    }


def by_regression(interactions, blocks) -> np.ndarray:
    """Each item regressed on the others, one by one."""
    X = interactions.toarray()
    sides = {
        name: blocks[name] if isinstance(blocks[name], np.ndarray) else blocks[name].toarray()
        for name in WEIGHTS
    }
    G = X.T @ X + sum(weight * sides[name] @ sides[name].T for name, weight in WEIGHTS.items())
    B = np.zeros_like(G)
    for item in range(len(G)):
        others = np.arange(len(G)) != item
        B[others, item] = np.linalg.solve(
            G[np.ix_(others, others)] + RIDGE * np.eye(len(G) - 1), G[others, item]
        )
    return B


@pytest.mark.parametrize("sparse_cost", [0.0, 1e9])
def test_both_ways_give_the_regression_of_each_item_on_the_others(
    interactions, blocks, sparse_cost, monkeypatch
) -> None:
    """With sparse products for nothing, the 40 rows of data are gone by; with dear ones, the 25 items."""
    wide = sp.block_diag([interactions] * 3, format="csr")  # more items than rows
    sides = {name: sp.csr_array(sp.vstack([bag] * 3)) for name, bag in blocks.items()}
    monkeypatch.setattr(module, "SPARSE_COST", sparse_cost)
    taken = []
    original = module._by_rows
    monkeypatch.setattr(module, "_by_rows", lambda *given: taken.append(1) or original(*given))
    several = sp.csr_array(wide[np.diff(wide.indptr) > 1][:40])
    weights = Gram(several, sides).item_weights(RIDGE, WEIGHTS)
    assert bool(taken) == (sparse_cost == 0)
    assert weights.dtype == torch.float32
    assert weights.numpy() == pytest.approx(by_regression(several, sides), abs=1e-6)


def test_users_of_one_item_or_none_are_counted_on_the_diagonal(interactions, blocks) -> None:
    weights = Gram(interactions, blocks).item_weights(RIDGE, WEIGHTS)
    assert weights.numpy() == pytest.approx(by_regression(interactions, blocks), abs=1e-6)
    rows = sp.csr_array(
        sp.vstack([interactions[:30], *(np.sqrt(w) * blocks[n].T for n, w in WEIGHTS.items())])
    )
    alone = interactions[30:].toarray().sum(axis=0)
    assert module._by_rows(rows, alone + RIDGE).numpy() == pytest.approx(weights.numpy(), abs=1e-6)


def test_dense_features_count_as_sparse_ones(interactions, blocks) -> None:
    dense = {**blocks, "b": blocks["b"].toarray()}
    expected = Gram(interactions, blocks).item_weights(RIDGE, WEIGHTS)
    torch.testing.assert_close(Gram(interactions, dense).item_weights(RIDGE, WEIGHTS), expected)


def test_a_block_that_is_not_named_weighs_0(interactions, blocks) -> None:
    alone = Gram(interactions, {}).item_weights(RIDGE, {})
    torch.testing.assert_close(Gram(interactions, blocks).item_weights(RIDGE, {}), alone)
