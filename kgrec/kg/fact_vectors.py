"""What the graph says of each item, as one sparse vector."""

import numpy as np
import scipy.sparse as sp

from kgrec.shapes import IntArray, Triples


def fact_vectors(triples: Triples, item_to_entity: IntArray) -> sp.csr_array:
    """One row for each item, one column for each fact that two items or more share.

    A fact is a relation with the entity at its other end, in either direction. Its weight is
    ln(1 + I / n) with n the items that have it, so that a rare one says more; rows have length 1.

    Args:
        triples: ``[T, 3]`` head, relation, tail.
        item_to_entity: ``[I]``, -1 = unlinked.

    Returns:
        ``[I, F]`` float64; rows of zeros for items without such a fact.
    """
    ends = np.concatenate([triples, triples[:, ::-1]])  # what is told of, relation, other end
    ends[len(triples) :, 1] += triples[:, 1].max(initial=-1) + 1  # read backwards
    linked = np.flatnonzero(item_to_entity >= 0)
    order = np.argsort(ends[:, 0], kind="stable")
    entities = ends[order, 0]
    first = np.searchsorted(entities, item_to_entity[linked], side="left")
    counts = np.searchsorted(entities, item_to_entity[linked], side="right") - first
    within = np.arange(counts.sum()) - np.repeat(counts.cumsum() - counts, counts)
    rows = ends[order[np.repeat(first, counts) + within], 1:]
    pairs = np.unique(np.column_stack([np.repeat(linked, counts), rows]), axis=0)
    _, column, shared = np.unique(pairs[:, 1:], axis=0, return_inverse=True, return_counts=True)
    weight = np.log1p(len(item_to_entity) / shared)[column] * (shared[column] > 1)
    shape = (len(item_to_entity), len(shared))
    matrix = sp.csr_array((weight, (pairs[:, 0], column)), shape=shape)
    length = np.sqrt(matrix.multiply(matrix).sum(axis=1))
    return sp.csr_array(sp.diags_array(1.0 / np.where(length > 0, length, 1.0)) @ matrix)
