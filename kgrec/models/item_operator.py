"""A closed-form item-to-item operator that reads interactions, facts and text together."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from kgrec.kg.graph import Graph
from kgrec.models.base import ModelInputs
from kgrec.models.ease import item_weights
from kgrec.models.features import SparseRows, interaction_matrix, relation_fact_matrices, unit_text
from kgrec.models.selection import ValidationRecall, check_values
from kgrec.text.encoder import TextFeatures

log = logging.getLogger(__name__)

TEXT = "text"


@dataclass(frozen=True)
class SolvedOperator:
    """An operator solved at one setting.

    Attributes:
        weights: ``[I, I]`` B.
        log_counts: ``[I]`` log(1 + number of training interactions).
        popularity: weight of the counts.
        history: ``[U, I]`` training interactions.
        setting: what it was solved at, block weights by name.
    """

    weights: Tensor
    log_counts: Tensor
    popularity: float
    history: SparseRows
    setting: dict[str, float]

    def score(self, user_ids: Tensor) -> Tensor:
        """Scores ``[B, I]`` of ``user_ids [B]``."""
        return self.history.product(user_ids, self.weights) + self.popularity * self.log_counts

    def to(self, device: torch.device) -> "SolvedOperator":
        """The same on ``device``."""
        weights, log_counts = self.weights.to(device), self.log_counts.to(device)
        return replace(self, weights=weights, log_counts=log_counts, history=self.history.to(device))


class ItemOperator:
    r"""EASE (Steck, WWW 2019, https://arxiv.org/abs/1905.03375, eq. 8), side information in its Gram matrix.

    .. math::
        G = X^T X + \sum_r w_r F_r F_r^T + w_t T T^T, \quad P = (G + \lambda I)^{-1}, \quad
        B_{ij} = -P_{ij} / P_{jj}, \quad B_{jj} = 0, \quad s_u = x_u B + p \ln(1 + n)

    A fact that items share counts like :math:`w_r` users who chose them all: the rows of :math:`F_r` are unit
    tf-idf bags of the facts of one relation, those of T centred unit text features, n the numbers of training
    interactions. Cf. the collective model of `Jeunen, Van Balen and Goethals, RecSys 2020
    <https://doi.org/10.1145/3383313.3418480>`_, which has one weight for all side information.

    Everything is chosen on validation recall, greedily: first λ with interactions alone, then block by block
    (relations that reach most items first, text last) the weight that is best so far, 0 included, and λ once
    more at the end. A graph that says nothing is therefore left out. The popularity weight p is chosen anew
    each time.

    Args:
        ridge: values of λ (> 0).
        facts: weights (> 0) tried for each relation; empty = no facts.
        text: weights (> 0) tried for the text; empty = no text.
        popularity: values (≥ 0) of p.
        max_relations: relations tried, at most.
        selection_k: cutoff of the recall that chooses.

    Raises:
        InputError: a value outside its range.
    """

    def __init__(
        self,
        ridge: Sequence[float],
        facts: Sequence[float],
        text: Sequence[float],
        popularity: Sequence[float],
        max_relations: int,
        selection_k: int,
    ) -> None:
        check_values("ridge", ridge, lowest=0, or_equal=False)
        check_values("popularity", popularity, lowest=0, or_equal=True)
        check_values("max_relations", [max_relations], lowest=0, or_equal=True)
        check_values("selection_k", [selection_k], lowest=1, or_equal=True)
        for name, weights in (("facts", facts), ("text", text)):
            if weights:
                check_values(name, weights, lowest=0, or_equal=False)
        self.ridge, self.popularity = tuple(ridge), tuple(popularity)
        self.facts, self.text = tuple(facts), tuple(text)
        self.max_relations, self.selection_k = max_relations, selection_k

    def solve(self, inputs: ModelInputs) -> SolvedOperator:
        """Choose on validation and solve.

        float32: the ridge bounds the condition of the matrix, and time and memory are half of float64's.

        Raises:
            ValueError: no graph or no text given.
        """
        if inputs.graph is None or inputs.text is None:
            raise ValueError("ItemOperator needs a graph and text features, got None")
        dataset = inputs.dataset
        interactions = interaction_matrix(dataset.train, dataset.num_users, dataset.num_items)
        search = _Search(
            history=SparseRows(interactions),
            log_counts=torch.from_numpy(np.log1p(interactions.sum(axis=0))).float(),
            popularity=self.popularity,
            recall=ValidationRecall(dataset, self.selection_k) if self._has_choice(inputs) else None,
        )
        gram = torch.from_numpy((interactions.T @ interactions).toarray()).float()
        best = search.best([(gram, ridge, {"ridge": ridge}) for ridge in self.ridge])
        for name, rows, weights in self._blocks(inputs.graph, inputs.text):
            similarity = _similarity(rows)
            tried = [
                (best.gram + weight * similarity, best.ridge, {**best.solved.setting, name: weight})
                for weight in weights
            ]
            best = search.best(tried, incumbent=best)
        others = [ridge for ridge in self.ridge if ridge != best.ridge]
        best = search.best(
            [(best.gram, ridge, {**best.solved.setting, "ridge": ridge}) for ridge in others], incumbent=best
        )
        log.info("item operator: %s (recall@%d %.4f)", best.solved.setting, self.selection_k, best.value)
        return best.solved

    def _has_choice(self, inputs: ModelInputs) -> bool:
        several = len(self.ridge) > 1 or len(self.popularity) > 1
        return several or bool(self.facts) or bool(self.text)

    def _blocks(
        self, graph: Graph, text: TextFeatures
    ) -> list[tuple[str, np.ndarray | sp.csr_array, tuple[float, ...]]]:
        """Name, feature rows and weights to try of each block that says something."""
        blocks: list[tuple[str, np.ndarray | sp.csr_array, tuple[float, ...]]] = []
        if self.facts:
            bags = relation_fact_matrices(graph, self.max_relations)
            blocks += [(name, bag, self.facts) for name, bag in bags.items()]
        if self.text and bool(text.has_text.any()):
            blocks.append((TEXT, unit_text(text, center=True), self.text))
        return blocks


@dataclass(frozen=True)
class _Candidate:
    gram: Tensor
    ridge: float
    solved: SolvedOperator
    value: float


@dataclass(frozen=True)
class _Search:
    """Solves candidates and keeps the best on validation, the earlier among equals."""

    history: SparseRows
    log_counts: Tensor
    popularity: tuple[float, ...]
    recall: ValidationRecall | None

    def best(
        self, tried: list[tuple[Tensor, float, dict[str, float]]], incumbent: _Candidate | None = None
    ) -> _Candidate:
        found = incumbent
        for gram, ridge, setting in tried:
            candidate = self._candidate(gram, ridge, setting)
            if found is None or candidate.value > found.value:
                found = candidate
        if found is None:
            raise ValueError("nothing to try")
        return found

    def _candidate(self, gram: Tensor, ridge: float, setting: dict[str, float]) -> _Candidate:
        first = SolvedOperator(
            item_weights(gram, ridge), self.log_counts, self.popularity[0], self.history, setting
        )
        if self.recall is None:
            return _Candidate(gram, ridge, first, 0.0)
        weighted = [
            replace(first, popularity=weight, setting={**setting, "popularity": weight})
            for weight in self.popularity
        ]
        values = [self.recall(solved.score) for solved in weighted]
        place = int(np.argmax(values))
        return _Candidate(gram, ridge, weighted[place], values[place])


def _similarity(rows: np.ndarray | sp.csr_array) -> Tensor:
    """Inner products of rows, ``[I, I]`` float32."""
    product = rows @ rows.T
    dense = product.toarray() if sp.issparse(product) else product
    return torch.from_numpy(np.asarray(dense)).float()
