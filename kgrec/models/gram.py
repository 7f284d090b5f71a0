"""A Gram matrix of interactions and features, and the regression of every item on all others."""

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

Rows: TypeAlias = np.ndarray | sp.csr_array
"""Features of items, ``[I, F]``, dense or sparse."""

SPARSE_COST = 50
"""How much slower a sparse product is than a dense one for each multiplication: what decides between the two
ways to solve. Both give the same result."""


class Gram:
    r"""Gram matrix of interactions and weighted blocks of features.

    .. math:: G = X^T X + \sum_b w_b F_b F_b^T

    Args:
        interactions: X ``[U, I]``, binary.
        blocks: :math:`F_b` ``[I, F_b]`` by name.
    """

    def __init__(self, interactions: sp.csr_array, blocks: Mapping[str, Rows]) -> None:
        self.blocks = dict(blocks)
        self.num_items = interactions.shape[1]
        several = np.diff(interactions.indptr) > 1
        self._several = interactions[several]
        self._alone = np.asarray(interactions[~several].sum(axis=0)).ravel()
        self._products: dict[str, Tensor] = {}

    def item_weights(self, ridge: float, weights: Mapping[str, float]) -> Tensor:
        r"""The regression of each item on all others, ``[I, I]`` float32, item j in column j.

        .. math:: P = (G + \lambda I)^{-1}, \quad B_{ij} = -P_{ij} / P_{jj}, \quad B_{jj} = 0

        With few and sparse rows Z of interactions and features (R of them, R < I) by the Woodbury identity,
        O(R³ + (R + I) nnz); else by inverting G, O(I³).

        Args:
            ridge: λ > 0.
            weights: w > 0 by the block's name; a block that is not named weighs 0.
        """
        if not any(isinstance(self.blocks[name], np.ndarray) for name in weights):
            bags = [np.sqrt(weight) * self.blocks[name].T for name, weight in weights.items()]
            rows = sp.csr_array(sp.vstack([self._several, *bags]))
            num_rows, sparse_products = rows.shape[0], (rows.shape[0] + self.num_items) * rows.nnz
            if num_rows**3 + SPARSE_COST * sparse_products < self.num_items**3:
                return _by_rows(rows, self._alone + ridge)
        gram = self._product("", self._several.T) + torch.from_numpy(self._alone).float().diag()
        for name, weight in weights.items():
            gram += weight * self._product(name, self.blocks[name])
        return item_weights(gram, ridge)

    def _product(self, name: str, rows: Rows) -> Tensor:
        """Inner products of ``rows``, ``[I, I]`` float32, kept."""
        if name not in self._products:
            product = rows @ rows.T
            dense = product if isinstance(product, np.ndarray) else product.toarray()
            self._products[name] = torch.from_numpy(dense).float()
        return self._products[name]


def _by_rows(rows: sp.csr_array, diagonal: np.ndarray) -> Tensor:
    r"""The regression for :math:`G + \lambda I = D + Z^T Z`, Z ``[R, I]`` and D diagonal, by R × R matrices.

    .. math:: P = D^{-1} - D^{-1} Z^T (I + Z D^{-1} Z^T)^{-1} Z D^{-1}

    Users of one item are part of D: they say nothing about pairs. The R × R inverse is taken in float64.
    """
    scaled = sp.csr_array(rows @ sp.diags_array(1 / diagonal))
    inner = torch.from_numpy((scaled @ rows.T).toarray())
    inner.diagonal().add_(1.0)
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(inner)).float().numpy()
    columns = sp.csr_array(scaled.T.astype(np.float32))
    weights = torch.from_numpy(columns @ np.ascontiguousarray((columns @ inverse).T))
    own = torch.from_numpy(1 / diagonal).float() - weights.diagonal()
    weights /= own
    weights.fill_diagonal_(0.0)
    return weights


def item_weights(gram: Tensor, ridge: float) -> Tensor:
    """B ``[I, I]`` from a Gram matrix such as XᵀX, in the type of ``gram``, which stays as it is."""
    regularised = gram.clone()
    regularised.diagonal().add_(ridge)
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(regularised))
    weights = inverse.div_(-inverse.diagonal().clone())
    weights.fill_diagonal_(0.0)
    return weights
