"""Does the graph know anything about taste? Items that share users, against random ones as popular.

For each item i the partners j are the items nearest to it by the users of the **training** interactions
(cosine). For each of them a control k is drawn that is about as popular as j and no partner of i. If the
graph knows about taste, i is nearer to j than to k in it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import dijkstra

from kgrec.kg.triples import joined_entities
from kgrec.seed import numpy_generator
from kgrec.shapes import BoolArray, FloatArray, IntArray, Pairs, Triples

MAX_HOPS = 6
"""Pairs further apart, or not joined at all, count as one hop more."""

NUM_DRAWS = 2_000
MIN_ITEMS = 20
"""With fewer items the question has no answer."""

_BLOCK = 64  # items walked from at once


@dataclass(frozen=True)
class Contrast:
    """One measure over partners and over controls.

    Attributes:
        partners: its mean over items of the mean over the item's partners.
        controls: the same over the controls.
        low: the lower end of the 95 % bootstrap interval of the difference partners − controls.
        high: the upper end.
    """

    partners: float
    controls: float
    low: float
    high: float


@dataclass(frozen=True)
class Taste:
    """What :func:`ask_taste` found.

    Attributes:
        items: items that have a partner and a control, at most as many as asked for.
        pairs: pairs of item and partner.
        shared: weighted share of common entities, see :func:`ask_taste`; higher = nearer.
        hops: length of the shortest path; lower = nearer.
    """

    items: int
    pairs: int
    shared: Contrast | None
    hops: Contrast | None

    @property
    def answer(self) -> str:
        """``"yes"`` or ``"no"`` by the interval of the share of common entities, or ``"unknown"``."""
        if self.shared is None:
            return "unknown"
        return "yes" if self.shared.low > 0 else "no"


def ask_taste(
    train: Pairs,
    num_users: int,
    triples: Triples,
    item_to_entity: IntArray,
    *,
    num_items: int,
    num_partners: int,
    seed: int,
) -> Taste:
    """Compare items that share users with random ones as popular, in the graph.

    Measures of an item pair, with N(i) the entities joined to the item's entity by a triple, either way, and
    idf(e) = log(L / items of the L linked ones that e is joined to)::

        shared = Σ idf over N(i) ∩ N(j) / Σ idf over N(i) ∪ N(j), 0 where the union weighs nothing
        hops   = length of the shortest path between the two entities, at most MAX_HOPS + 1

    Partners have at least two users in common with the item; pairs of one entity are left out. The control
    of j is drawn from the tenth of the linked items whose number of training users is nearest to j's. Items
    are the units of the bootstrap. Items with many facts share more of them whatever these are: ask
    ``kg=rewired`` too.

    Args:
        train: ``[n, 2]`` distinct training interactions; nothing else is looked at.
        num_users: U.
        triples: ``[T, 3]``.
        item_to_entity: ``[I]``, -1 = unlinked.
        num_items: items drawn to ask about, 1 or more.
        num_partners: partners of each, 1 or more.
        seed: of the draws.

    Raises:
        ValueError: ``num_items`` or ``num_partners`` is not positive.
    """
    if num_items < 1 or num_partners < 1:
        raise ValueError(f"num_items and num_partners are {num_items} and {num_partners}, expected 1 or more")
    generator = numpy_generator(seed, "kg", "taste")
    counts = np.bincount(train[:, 1], minlength=len(item_to_entity))
    linked = np.flatnonzero((item_to_entity >= 0) & (counts > 0))
    pairs = _pairs(train, num_users, linked, counts, generator, num_items, num_partners)
    entities = item_to_entity[linked]
    rows, partners, controls = (column[_all_different(*(entities[of] for of in pairs))] for column in pairs)
    asked = len(np.unique(rows))
    if asked < MIN_ITEMS or len(triples) == 0:
        return Taste(asked, len(rows), None, None)
    joined = joined_entities(triples, item_to_entity)
    measured = [
        [measure(rows, partners), measure(rows, controls)]
        for measure in (_shared(joined, entities), _hops(joined, entities))
    ]
    shared, hops = (_contrast(rows, near, far, generator) for near, far in measured)
    return Taste(asked, len(rows), shared, hops)


def _pairs(
    train: Pairs,
    num_users: int,
    linked: IntArray,
    counts: IntArray,
    generator: np.random.Generator,
    num_items: int,
    num_partners: int,
) -> tuple[IntArray, IntArray, IntArray]:
    """Positions in ``linked`` of items, partners and controls, one row per pair."""
    shape = (len(counts), num_users)
    users = sparse.csr_matrix((np.ones(len(train)), (train[:, 1], train[:, 0])), shape=shape)[linked]
    popularity = counts[linked]
    by_popularity = np.argsort(popularity, kind="stable")
    place = np.empty(len(linked), dtype=np.int64)
    place[by_popularity] = np.arange(len(linked))
    reach = max(len(linked) // 20, 1)
    found: list[tuple[int, int, int]] = []
    for row in np.sort(generator.permutation(len(linked))[:num_items]).tolist():
        common = (users @ users[row].T).toarray().ravel()
        common[row] = 0
        cosine = np.where(common >= 2, common / np.sqrt(popularity * popularity[row]), 0)
        order = np.argsort(-cosine, kind="stable")[:num_partners]
        partners = order[cosine[order] > 0]
        for partner in partners.tolist():
            near = by_popularity[max(place[partner] - reach, 0) : place[partner] + reach + 1]
            near = near[(near != row) & ~np.isin(near, partners)]
            if len(near):
                found.append((row, partner, int(generator.choice(near))))
    columns = np.array(found, dtype=np.int64).reshape(-1, 3)
    return columns[:, 0], columns[:, 1], columns[:, 2]


def _all_different(a: IntArray, b: IntArray, c: IntArray) -> BoolArray:
    """Where no two are the same entity: twins say nothing about facts."""
    different: BoolArray = (a != b) & (a != c) & (b != c)
    return different


Measure = Callable[[IntArray, IntArray], FloatArray]
"""Positions of items, positions of others → one number per pair."""


def _shared(joined: sparse.csr_matrix, entities: IntArray) -> Measure:
    facts = joined[entities]
    touching = np.asarray(facts.sum(axis=0)).ravel()
    idf = np.log(len(entities) / np.maximum(touching, 1))
    weight = facts @ idf

    def measure(rows: IntArray, others: IntArray) -> FloatArray:
        common = facts[rows].multiply(facts[others]) @ idf
        union = weight[rows] + weight[others] - common
        return np.asarray(np.divide(common, union, out=np.zeros(len(rows)), where=union > 0))

    return measure


def _hops(joined: sparse.csr_matrix, entities: IntArray) -> Measure:
    def measure(rows: IntArray, others: IntArray) -> FloatArray:
        lengths = np.empty(len(rows))
        sources, source = np.unique(rows, return_inverse=True)
        for start in range(0, len(sources), _BLOCK):
            block = entities[sources[start : start + _BLOCK]]
            far = dijkstra(joined, directed=False, indices=block, unweighted=True, limit=MAX_HOPS)
            here = np.flatnonzero((source >= start) & (source < start + _BLOCK))
            lengths[here] = far[source[here] - start, entities[others[here]]]
        return np.minimum(lengths, MAX_HOPS + 1)

    return measure


def _contrast(rows: IntArray, near: FloatArray, far: FloatArray, generator: np.random.Generator) -> Contrast:
    """Means over items, and the interval of their difference when items are drawn anew."""
    _, item = np.unique(rows, return_inverse=True)
    sizes = np.bincount(item)
    partners, controls = (np.bincount(item, weights=values) / sizes for values in (near, far))
    difference = partners - controls
    draws = np.array([generator.choice(difference, len(difference)).mean() for _ in range(NUM_DRAWS)])
    low, high = np.quantile(draws, [0.025, 0.975]).tolist()
    return Contrast(float(partners.mean()), float(controls.mean()), low, high)
