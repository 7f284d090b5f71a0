"""A closed-form item-to-item operator that reads interactions, facts and text together."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from kgrec.errors import InputError
from kgrec.models.base import ModelInputs
from kgrec.models.features import SparseRows, interaction_matrix, relation_fact_matrices, unit_text
from kgrec.models.gram import Gram, Rows
from kgrec.models.selection import ValidationRecall, check_values, some_of

log = logging.getLogger(__name__)

RIDGE, TEXT, ATTRIBUTES = "ridge", "text", "numeric attributes"


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
    interactions. Numeric attributes, where there are any, are one relation more. Cf. the collective model of
    `Jeunen, Van Balen and Goethals, RecSys 2020 <https://doi.org/10.1145/3383313.3418480>`_, which has one
    weight for all side information.

    Everything is chosen on validation recall by coordinate ascent: first λ with interactions alone, then
    block by block (text last) the weight that is best so far, 0 included, and λ once more; and all that again
    until a sweep changes nothing. A graph that says nothing is therefore left out. The popularity weight p is
    chosen anew each time.

    Args:
        ridge: values of λ (> 0).
        facts: weights (> 0) tried for each relation, those that reach most items first; empty = no facts.
        text: weights (> 0) tried for the text; empty = no text.
        popularity: values (≥ 0) of p.
        max_relations: relations tried, at most.
        selection_k: cutoff of the recall that chooses.
        relations: weights (> 0) tried, by the relation's name; other relations then weigh 0, whatever
            ``facts`` and ``max_relations`` say.
        sweeps: times that the blocks and λ are gone through, at most.

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
        relations: Mapping[str, Sequence[float]] | None = None,
        sweeps: int = 1,
    ) -> None:
        check_values("ridge", ridge, lowest=0, or_equal=False)
        check_values("popularity", popularity, lowest=0, or_equal=True)
        check_values("max_relations", [max_relations], lowest=0, or_equal=True)
        check_values("selection_k", [selection_k], lowest=1, or_equal=True)
        check_values("sweeps", [sweeps], lowest=1, or_equal=True)
        for name, weights in (("facts", facts), ("text", text)):
            if weights:
                check_values(name, weights, lowest=0, or_equal=False)
        for name, weights in (relations or {}).items():
            check_values(f"relations.{name}", weights, lowest=0, or_equal=False)
        self.ridge, self.popularity = tuple(ridge), tuple(popularity)
        self.facts, self.text = tuple(facts), tuple(text)
        self.relations = None if relations is None else {name: tuple(relations[name]) for name in relations}
        self.max_relations, self.selection_k, self.sweeps = max_relations, selection_k, sweeps

    def solve(self, inputs: ModelInputs) -> SolvedOperator:
        """Choose on validation and solve.

        Raises:
            ValueError: no graph or no text given.
            InputError: ``relations`` names one that the graph lacks.
        """
        dataset = inputs.dataset
        interactions = interaction_matrix(dataset.train, dataset.num_users, dataset.num_items)
        blocks = self._blocks(inputs)
        search = _Search(
            gram=Gram(interactions, {name: rows for name, (rows, _) in blocks.items()}),
            history=SparseRows(interactions),
            log_counts=torch.from_numpy(np.log1p(interactions.sum(axis=0))).float(),
            popularity=self.popularity,
            recall=ValidationRecall(dataset, self.selection_k) if self._has_choice(inputs) else None,
        )
        values = {name: (0.0, *weights) for name, (_, weights) in blocks.items()} | {RIDGE: self.ridge}
        best = search.best([{RIDGE: ridge} for ridge in self.ridge])
        for _ in range(self.sweeps):
            before = best.setting
            for name in values:
                best = search.best([{**best.setting, name: value} for value in values[name]], best)
            if best.setting == before:
                break
        log.info("item operator: %s (recall@%d %.4f)", best.solved.setting, self.selection_k, best.value)
        return best.solved

    def _has_choice(self, inputs: ModelInputs) -> bool:
        several = len(self.ridge) > 1 or len(self.popularity) > 1
        return several or bool(self.facts) or bool(self.relations) or bool(self.text)

    def _blocks(self, inputs: ModelInputs) -> dict[str, tuple[Rows, tuple[float, ...]]]:
        """Feature rows, and the weights to try, of each block that says something."""
        if inputs.graph is None or inputs.text is None:
            raise ValueError("ItemOperator needs a graph and text features, got None")
        graph, text = inputs.graph, inputs.text
        blocks: dict[str, tuple[Rows, tuple[float, ...]]] = {}
        if self.relations is not None:
            bags = relation_fact_matrices(graph, graph.num_relations)
            if unknown := sorted(set(self.relations) - set(graph.relation_names)):
                known = ", ".join(sorted(bags))
                raise InputError(f"model.relations: the graph has no relation {unknown[0]!r}, only {known}")
            blocks |= {name: (bags[name], tried) for name, tried in self.relations.items() if name in bags}
        elif self.facts:
            bags = relation_fact_matrices(graph, self.max_relations)
            blocks |= {name: (bag, self.facts) for name, bag in bags.items()}
            if inputs.attributes is not None and inputs.attributes.names:
                blocks[ATTRIBUTES] = (inputs.attributes.columns.double().numpy(), self.facts)
        if self.text and bool(text.has_text.any()):
            blocks[TEXT] = (unit_text(text, center=True), self.text)
        return blocks


@dataclass(frozen=True)
class _Candidate:
    """λ and the weights of blocks that do not weigh 0, by name, and what came of them."""

    setting: dict[str, float]
    solved: SolvedOperator
    value: float


@dataclass(frozen=True)
class _Search:
    """Solves candidates and keeps the best on validation, the earlier among equals."""

    gram: Gram
    history: SparseRows
    log_counts: Tensor
    popularity: tuple[float, ...]
    recall: ValidationRecall | None
    tried: set[frozenset[tuple[str, float]]] = field(default_factory=set)

    def best(self, tried: list[dict[str, float]], incumbent: _Candidate | None = None) -> _Candidate:
        found = incumbent
        for weights in tried:
            setting = {name: weight for name, weight in weights.items() if weight}
            if frozenset(setting.items()) in self.tried:  # no better than the best so far
                continue
            self.tried.add(frozenset(setting.items()))
            candidate = self._candidate(setting)
            if found is None or candidate.value > found.value:
                found = candidate
        if found is None:
            raise ValueError("nothing to try")
        return found

    def _candidate(self, setting: dict[str, float]) -> _Candidate:
        blocks = {name: weight for name, weight in setting.items() if name != RIDGE}
        first = SolvedOperator(
            weights=self.gram.item_weights(setting[RIDGE], blocks),
            log_counts=self.log_counts,
            popularity=self.popularity[0],
            history=self.history,
            setting=setting,
        )
        if self.recall is None:
            return _Candidate(setting, first, 0.0)
        weighted = [
            replace(first, popularity=weight, setting={**setting, "popularity": weight})
            for weight in self.popularity
        ]
        values = [self.recall(some_of(solved.score)) for solved in weighted]
        place = int(np.argmax(values))
        return _Candidate(setting, weighted[place], values[place])
