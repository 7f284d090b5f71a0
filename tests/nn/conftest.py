"""One graph small enough to do by hand."""

import numpy as np
import pytest

from kgrec.kg.graph import Graph, build_graph


@pytest.fixture
def path_graph() -> Graph:
    """The path 0 – 1 – 3 – 2: user 0, items 1 and 2, genre 3.

    e   edge     relation                  e   edge     relation
    0   1 → 3    0 genre                   3   3 → 1    2 genre^-1
    1   2 → 3    0 genre                   4   3 → 2    2 genre^-1
    2   0 → 1    1 interacts               5   1 → 0    3 interacts^-1

    Degrees (in = out): node 0: 1, node 1: 2, node 2: 1, node 3: 2.
    """
    return build_graph(
        num_users=1,
        num_items=2,
        num_entities=3,
        relation_names=["genre"],
        interactions=np.array([[0, 0]]),
        triples=np.array([[0, 0, 2], [1, 0, 2]]),
        item_to_entity=np.array([0, 1]),
    )
