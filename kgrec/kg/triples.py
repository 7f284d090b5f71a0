"""Operations on triples ``[T, 3]`` (head, relation, tail) in contiguous ids."""

import numpy as np
from scipy import sparse

from kgrec.shapes import BoolArray, FloatArray, IntArray, Triples


def drop_inverse_relations(
    triples: Triples, num_relations: int, threshold: float, is_item: BoolArray
) -> tuple[Triples, IntArray]:
    """Drop relations that say backwards what another relation says.

    Freebase lists "film has genre" and "genre has film". A graph whose edges get their inverses anyway
    (:func:`kgrec.kg.graph.build_graph`) would hold each such fact twice in both directions. A relation r is
    redundant when for at least ``threshold`` of its triples (h, r, t) there is a (t, s, h) of one other,
    kept relation s. Redundant relations are dropped one by one, the one with the smallest share of
    triples headed by an item first (so what stays reads "item – relation – attribute"), then the one with
    fewer triples, then the higher id; a relation whose only partner has been dropped stays. A symmetric
    relation is no inverse of itself.

    Args:
        triples: ``[T, 3]``.
        num_relations: R; ids of relations lie in ``[0, R)``.
        threshold: share in (0, 1]; 1 = every triple must have its inverse.
        is_item: ``[E]`` whether an item links to the entity.

    Returns:
        The remaining triples in their order, and the ids of the dropped relations, ascending.

    Raises:
        ValueError: ``threshold`` is outside (0, 1].
    """
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold is {threshold}, expected a share in (0, 1]")
    if len(triples) == 0:
        return triples, np.empty(0, dtype=np.int64)
    covered = inverse_coverage(triples, num_relations)
    sizes = np.bincount(triples[:, 1], minlength=num_relations)
    headed_by_item = np.bincount(
        triples[:, 1], weights=is_item[triples[:, 0]].astype(float), minlength=num_relations
    )
    item_share = headed_by_item / np.maximum(sizes, 1)
    kept = np.ones(num_relations, dtype=bool)
    for relation in np.lexsort((-np.arange(num_relations), sizes, item_share)):
        kept[relation] = not (covered[relation] >= threshold)[kept].any()
    return triples[kept[triples[:, 1]]], np.flatnonzero(~kept)


def inverse_coverage(triples: Triples, num_relations: int) -> FloatArray:
    """``[R, R]``: the share of the row relation's triples whose inverse the column relation lists.

    The diagonal is 0, and so is the row of a relation without triples. A self loop (h, r, h) counts as a
    triple but has no inverse: (h, s, h) is no evidence that s is r read backwards.
    """
    distinct = np.unique(triples, axis=0)
    sizes = np.bincount(distinct[:, 1], minlength=num_relations)
    distinct = distinct[distinct[:, 0] != distinct[:, 2]]
    if len(distinct) == 0:
        return np.zeros((num_relations, num_relations))
    heads, relations, tails = distinct.T
    num_entities = int(max(heads.max(), tails.max())) + 1
    forward, backward = heads * num_entities + tails, tails * num_entities + heads
    pairs, position = np.unique(np.concatenate([forward, backward]), return_inverse=True)
    ones = np.ones(len(distinct), dtype=np.int64)
    shape = (len(pairs), num_relations)
    listed = sparse.csr_matrix((ones, (position[: len(distinct)], relations)), shape=shape)
    inverted = sparse.csr_matrix((ones, (position[len(distinct) :], relations)), shape=shape)
    counts = (inverted.T @ listed).toarray().astype(np.float64)
    np.fill_diagonal(counts, 0)
    return counts / np.maximum(sizes, 1)[:, None]


def joined_entities(triples: Triples, item_to_entity: IntArray) -> sparse.csr_matrix:
    """``[E, E]``: 1 where a triple joins two different entities, in either direction."""
    heads, tails = triples[:, 0], triples[:, 2]
    size = int(max(heads.max(initial=0), tails.max(initial=0), item_to_entity.max(initial=0))) + 1
    ends = np.concatenate([heads, tails]), np.concatenate([tails, heads])
    joined = sparse.csr_matrix((np.ones(len(ends[0])), ends), shape=(size, size))
    joined.setdiag(0)
    joined.eliminate_zeros()
    joined.data[:] = 1
    return joined
