import numpy as np
import pytest
import scipy.sparse as sp
import torch

from kgrec.models.features import (
    SparseRows,
    fact_counts,
    fact_matrix,
    interaction_matrix,
    unit_text,
)
from kgrec.text.encoder import TextFeatures

# items 0-3 are entities 0-3; 4 and 5 are entities of their own
TRIPLES = [
    (0, 0, 4),  # shared with item 1, stated from the item
    (1, 0, 4),
    (5, 1, 0),  # shared with items 1 and 2, stated towards the item
    (5, 1, 1),
    (5, 1, 2),
    (2, 0, 5),  # carried by item 2 only
    (4, 0, 5),  # between entities that are no item
]


def test_facts_are_counted_once_and_weighted_by_tf_idf(make_inputs):
    graph = make_inputs([[1, 1, 1, 0]], triples=TRIPLES).graph
    rare, common = np.log(4 / 2), np.log(4 / 3)
    both = np.array([rare, common]) / np.hypot(rare, common)
    bag = fact_matrix(graph).toarray()
    assert bag.shape == (4, 2)
    assert {tuple(row) for row in bag[:2].round(12)} == {tuple(bag[0].round(12))}
    assert sorted(bag[0]) == pytest.approx(sorted(both))
    assert sorted(bag[2]) == pytest.approx([0, 1])
    assert not bag[3].any()
    assert fact_counts(graph).tolist() == [2, 2, 2, 0]


def test_a_fact_between_two_items_is_a_fact_of_both(make_inputs):
    graph = make_inputs([[1, 1, 1]], triples=[(0, 0, 1), (2, 0, 1)]).graph
    bag = fact_matrix(graph).toarray()
    # "-r-> item 1" is shared by items 0 and 2; "<-r- item 0" and "<-r- item 2" belong to item 1 alone
    assert bag == pytest.approx(np.array([[1.0], [0.0], [1.0]]))
    assert fact_counts(graph).tolist() == [1, 2, 1]


def test_dropped_edges_are_no_facts(make_inputs):
    graph = make_inputs([[1, 1, 1, 0]], triples=TRIPLES).graph
    nothing = graph.with_edge_weight(torch.zeros(graph.num_edges))
    assert fact_matrix(nothing).shape == (4, 0)
    assert not fact_counts(nothing).any()


def test_interactions_are_no_facts(make_inputs):
    graph = make_inputs([[1, 1, 1], [1, 1, 0]]).graph
    assert fact_matrix(graph).shape == (3, 0)


def test_sparse_rows_equal_the_dense_matrix():
    matrix = np.array([[0, 2, 0], [0, 0, 0], [1, 0, 3], [0, 0, 4.0]])
    rows = SparseRows(sp.csr_array(matrix))
    for ids in ([2, 0, 2, 1], [1], [], [0, 1, 2, 3]):
        assert rows.dense(torch.tensor(ids, dtype=torch.long)).numpy() == pytest.approx(matrix[ids])
    assert (rows.csr() @ torch.eye(3)).numpy() == pytest.approx(matrix)
    assert not rows.state_dict()


def test_interaction_matrix_is_binary():
    pairs = np.array([[0, 1], [0, 1], [1, 0]])
    assert interaction_matrix(pairs, 2, 3).toarray().tolist() == [[0, 1, 0], [1, 0, 0]]


def test_unit_text_keeps_missing_text_at_zero():
    rows = torch.tensor([[3.0, 4.0], [0.0, 0.0], [1.0, 0.0]])
    text = TextFeatures(rows, torch.tensor([True, False, True]), {})
    assert unit_text(text, center=False) == pytest.approx(np.array([[0.6, 0.8], [0, 0], [1, 0]]))
    centred = unit_text(text, center=True)  # around (2, 2), the mean of the items that have text
    expected = np.array([[1, 2], [0, 0], [-1, -2]]) / np.sqrt(5)
    assert centred == pytest.approx(expected)
    assert rows[0].tolist() == [3.0, 4.0]
