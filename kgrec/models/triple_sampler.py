"""Triples with corrupted tails, drawn anew for each training step."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from kgrec.data.sampling import NegativeSampler
from kgrec.errors import InputError
from kgrec.kg.graph import Graph
from kgrec.kg.rules.conclusions import conclude, read_rules
from kgrec.kg.rules.steps import Steps
from kgrec.models.settings import check_weights
from kgrec.seed import numpy_generator
from kgrec.shapes import FloatArray, IntArray, Triples

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TripleBatch:
    """Triples of one step, ordered by relation so that each relation's rows are neighbours.

    Attributes:
        heads, relations, tails: ``[B]``; ``relations`` ascends.
        negatives: ``[B, n]`` tails that do not stand in the graph with this head and relation.
        relation_counts: ``R`` numbers: how many of the triples each relation has.
    """

    heads: Tensor
    relations: Tensor
    tails: Tensor
    negatives: Tensor
    relation_counts: tuple[int, ...]

    def entities(self) -> Tensor:
        """``[B, 2 + n]``: head, tail, corrupted tails: one look-up serves all of them."""
        return torch.cat([self.heads[:, None], self.tails[:, None], self.negatives], dim=1)


class TripleSampler:
    r"""Draws triples uniformly, with replacement, and for each one tails that make it false.

    A step's draw depends on the seed and the step only, so a run that is started again draws the same, and
    every process of a job draws the same batch: their mean is then that of one process. A corrupted tail is
    uniform over the entities that do not follow the same head by the same relation (the paper's "not in the
    graph"), exactly and without rejection. RecBole leaves out the head's tails by *any* relation, and goes
    through a shuffled list instead of drawing; neither changes what is learned in expectation.
    A triple whose head has every entity as a tail has no false tail and is left out.

    With rules, their conclusions (:func:`kgrec.kg.rules.conclusions.conclude`) are soft facts: beside the
    facts, a batch of them is drawn in proportion to their PCA confidence :math:`c_k`, so that the mean loss
    of a batch is in expectation

    .. math:: \sum_k c_k \, \ell(h_k, r_k, t_k; t'_k) \, / \, \sum_k c_k

    with :math:`\ell` the model's own loss of a triple and t' a tail that neither a fact nor a conclusion
    gives. As in `KALE <https://aclanthology.org/D16-1019/>`_ (Guo et al., EMNLP 2016) a ground rule ranks
    above the same one with a corrupted head: by its product t-norm the truths of the two differ by that of
    the body times what the head is truer than the corrupted one. Differences: the body is made of facts, so
    its truth is that of the rule, its confidence, as for the soft labels of `RUGE
    <https://arxiv.org/abs/1711.11231>`_ (Guo et al., AAAI 2018); and the loss is the model's, not a margin.

    Args:
        triples: ``[T, 3]`` head, relation, tail.
        num_entities: E; heads and tails lie in ``[0, E)``.
        relation_names: R names; relations lie in ``[0, R)``.
        num_negatives: n ≥ 0 corrupted tails for each triple.
        batch_size: triples per step, ≥ 1; where there are fewer, B = T.
        seed: of the draws.
        rules: file that ``kgrec kg rules --out`` wrote; ``None`` = none.
        rule_weight: ≥ 0, weight of the loss over conclusions where that over facts weighs 1; 0 = they are
            not read.

    Raises:
        InputError: ``batch_size`` < 1, a bad weight or one without a file, or a file that does not fit.
    """

    def __init__(
        self,
        triples: Triples,
        *,
        num_entities: int,
        relation_names: Sequence[str],
        num_negatives: int,
        batch_size: int,
        seed: int,
        rules: str | None = None,  # defaults: configurations stored by earlier runs lack these two
        rule_weight: float = 0.0,
    ) -> None:
        if batch_size < 1:
            raise InputError(f"model.triples.batch_size: found {batch_size}, expected a whole number >= 1")
        check_weights(**{"triples.rule_weight": rule_weight})
        self.num_relations = len(relation_names)
        self.seed = seed
        self.batch_size = batch_size
        self.rule_weight = rule_weight
        distinct = np.unique(triples[:, [1, 0, 2]].reshape(-1, 3), axis=0)[:, [1, 0, 2]]
        sizes = (num_entities, self.num_relations, num_negatives)
        self._facts = _Pool(distinct, None, distinct, *sizes)
        self._conclusions: _Pool | None = None
        if rule_weight > 0:
            found = _conclusions(distinct, num_entities, relation_names, rules)
            self._conclusions = _Pool(*found, np.concatenate([distinct, found[0]]), *sizes)

    def __len__(self) -> int:
        """T, without triples that have no false tail; where it is 0 there is nothing to draw."""
        return len(self._facts)

    def sample(self, step: int, device: torch.device) -> TripleBatch:
        """The facts of a step, on ``device``.

        Raises:
            ValueError: there are no triples.
        """
        return self._batch(self._facts, "triples", step, device)

    def batches(self, step: int, device: torch.device) -> Iterator[tuple[float, TripleBatch]]:
        """The facts of a step, which weigh 1, and conclusions, where there are any, with their weight.

        Raises:
            ValueError: there are no triples.
        """
        yield 1.0, self.sample(step, device)
        if self._conclusions is not None and len(self._conclusions):
            yield self.rule_weight, self._batch(self._conclusions, "conclusions", step, device)

    def _batch(self, pool: "_Pool", purpose: str, step: int, device: torch.device) -> TripleBatch:
        rng = numpy_generator(self.seed, purpose, step)
        drawn, negatives = pool.draw(min(self.batch_size, len(pool)), rng)
        heads, relations, tails = drawn.T
        counts = np.bincount(relations, minlength=self.num_relations)
        return TripleBatch(
            heads=torch.from_numpy(heads).to(device),
            relations=torch.from_numpy(relations).to(device),
            tails=torch.from_numpy(tails).to(device),
            negatives=torch.from_numpy(negatives).to(device),
            relation_counts=tuple(counts.tolist()),
        )


class _Pool:
    """Triples to draw from.

    Args:
        triples: ``[T, 3]``, distinct.
        weights: ``[T]`` > 0, which draws are proportional to; ``None`` = all are alike.
        known: ``[K, 3]``, the triples among them: a tail of one makes none of its head and relation false.
        num_entities: E.
        num_relations: R.
        num_negatives: n.
    """

    def __init__(
        self,
        triples: Triples,
        weights: FloatArray | None,
        known: Triples,
        num_entities: int,
        num_relations: int,
        num_negatives: int,
    ) -> None:
        known = np.unique(known, axis=0)
        queries, query = np.unique(known[:, 0] * num_relations + known[:, 1], return_inverse=True)
        has_false_tail = np.bincount(query, minlength=len(queries)) < num_entities
        order = np.argsort(triples[:, 1], kind="stable")
        order = order[has_false_tail[_place(triples[order], queries, num_relations)]]
        self._triples = triples[order]
        self._query = _place(self._triples, queries, num_relations)
        self._up_to = None if weights is None else np.cumsum(weights[order])
        left = has_false_tail[query]
        pairs = np.stack([query[left], known[left, 2]], axis=1)
        self._tails = NegativeSampler(pairs, num_entities, num_negatives)

    def __len__(self) -> int:
        """T, without triples that have no false tail."""
        return len(self._triples)

    def draw(self, size: int, rng: np.random.Generator) -> tuple[Triples, IntArray]:
        """``[size, 3]`` triples by relation, and ``[size, n]`` tails that make each one false."""
        if self._up_to is None:
            rows = rng.integers(len(self), size=size)
        else:
            rows = np.searchsorted(self._up_to[:-1], rng.random(size) * self._up_to[-1], side="right")
        rows = np.sort(rows)
        return self._triples[rows], self._tails.sample(self._query[rows], rng)


def _place(triples: Triples, queries: IntArray, num_relations: int) -> IntArray:
    """Number of each triple's (head, relation) among those that occur."""
    place: IntArray = np.searchsorted(queries, triples[:, 0] * num_relations + triples[:, 1])
    return place


def _conclusions(
    facts: Triples, num_entities: int, relation_names: Sequence[str], rules: str | None
) -> tuple[Triples, FloatArray]:
    """Conclusions of a file's rules over the facts, and their confidences, without those of confidence 0."""
    if rules is None:
        raise InputError(
            "model.triples.rules: found null beside a rule_weight above 0, expected a file that "
            "kgrec kg rules --out wrote"
        )
    steps = Steps(facts, num_entities, len(relation_names))
    read = [rule for rule in read_rules(Path(rules), relation_names) if rule.pca_confidence > 0]
    found, confidences = conclude(steps, read, facts)
    log.info("%s: %d rules, %s conclusions", rules, len(read), f"{len(found):,}")
    return found, confidences


def fact_triples(graph: Graph) -> Triples:
    """``[T, 3]`` facts of the graph as stated: no interaction and no inverse.

    Entity ids are node ids less the number of users: item i is entity i, the other entities follow.
    """
    stated = graph.edge_type < graph.num_relations // 2
    kept = stated & ~graph.is_interaction
    heads, tails = graph.edge_index[:, kept] - len(graph.user_nodes)
    return torch.stack([heads, graph.edge_type[kept], tails], dim=1).numpy()


def fact_names(graph: Graph) -> tuple[str, ...]:
    """Names of the relations of :func:`fact_triples`."""
    return graph.relation_names[: graph.num_relations // 2 - 1]


def fact_sizes(graph: Graph) -> tuple[int, int]:
    """Numbers of fact relations, without inverses and interactions, and of entities, items included."""
    return graph.num_relations // 2 - 1, graph.num_nodes - len(graph.user_nodes)
