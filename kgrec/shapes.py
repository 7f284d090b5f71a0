"""Shape legend and tensor aliases.

Letters used in every shape comment of kgrec:

    U  users          I  items         E  entities (also: edges, where an ``edge_`` name says so)
    R  relations      T  triples       N  graph nodes (users + items + entities that are no item)
    B  batch          K  cut-off       D  embedding dimension

Three id spaces exist: user ids ``[0, U)``, item ids ``[0, I)`` and entity ids ``[0, E)``. They meet
only in :mod:`kgrec.kg.graph`, which maps all three to node ids ``[0, N)``.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

IntArray: TypeAlias = NDArray[np.int64]
"""Ids or counts, int64."""

FloatArray: TypeAlias = NDArray[np.float64]
"""Values, float64."""

BoolArray: TypeAlias = NDArray[np.bool_]
"""Masks."""

Triples: TypeAlias = NDArray[np.int64]
"""``[T, 3]``: head, relation, tail, in that order."""

Pairs: TypeAlias = NDArray[np.int64]
"""``[n, 2]``: user id, item id."""

__all__ = ["BoolArray", "FloatArray", "IntArray", "Pairs", "Triples"]
