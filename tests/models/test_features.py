import numpy as np
import pytest
import scipy.sparse as sp
import torch

from kgrec.models.features import (
    SparseRows,
    fact_counts,
    fact_matrix,
    interaction_matrix,
    relation_fact_matrices,
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
    bag = fact_matrix(graph, balanced=False).toarray()
    assert bag.shape == (4, 2)
    assert {tuple(row) for row in bag[:2].round(12)} == {tuple(bag[0].round(12))}
    assert sorted(bag[0]) == pytest.approx(sorted(both))
    assert sorted(bag[2]) == pytest.approx([0, 1])
    assert not bag[3].any()
    assert fact_counts(graph).tolist() == [2, 2, 2, 0]


def test_a_fact_between_two_items_is_a_fact_of_both(make_inputs):
    graph = make_inputs([[1, 1, 1]], triples=[(0, 0, 1), (2, 0, 1)]).graph
    bag = fact_matrix(graph, balanced=False).toarray()
    # "-r-> item 1" is shared by items 0 and 2; "<-r- item 0" and "<-r- item 2" belong to item 1 alone
    assert bag == pytest.approx(np.array([[1.0], [0.0], [1.0]]))
    assert fact_counts(graph).tolist() == [1, 2, 1]


def test_balanced_facts_weigh_as_the_graph_network_has_them(make_inputs) -> None:
    # Items 0 and 1 share four facts of relation 0 and one of relation 1; item 2 makes none of them universal.
    triples = [(item, int(entity == 8), entity) for item in range(2) for entity in (4, 5, 6, 7, 8)]
    graph = make_inputs([[1, 1, 1, 0]], triples=triples).graph
    bag = fact_matrix(graph, balanced=True).toarray()
    assert sorted(bag[0]) == pytest.approx([6**-0.5] * 4 + [3**-0.5])
    assert bag[1] == pytest.approx(bag[0])
    assert not bag[2:].any()


def test_dropped_edges_are_no_facts(make_inputs):
    graph = make_inputs([[1, 1, 1, 0]], triples=TRIPLES).graph
    nothing = graph.with_edge_weight(torch.zeros(graph.num_edges))
    assert fact_matrix(nothing, balanced=False).shape == (4, 0)
    assert not fact_counts(nothing).any()


def test_interactions_are_no_facts(make_inputs):
    graph = make_inputs([[1, 1, 1], [1, 1, 0]]).graph
    assert fact_matrix(graph, balanced=False).shape == (3, 0)


def test_each_relation_has_a_bag_of_its_own_those_of_most_items_first(make_inputs):
    graph = make_inputs([[1, 1, 1, 0]], triples=TRIPLES).graph
    bags = relation_fact_matrices(graph, 9)
    # "5 -r1-> item" is shared by items 0, 1 and 2; "item -r0-> 4" by items 0 and 1, and "-r0-> 5" by none.
    assert list(bags) == ["r1^-1", "r0"]
    assert bags["r1^-1"].toarray() == pytest.approx(np.array([[1.0], [1.0], [1.0], [0.0]]))
    assert bags["r0"].toarray() == pytest.approx(np.array([[1.0], [1.0], [0.0], [0.0]]))
    assert list(relation_fact_matrices(graph, 1)) == ["r1^-1"]
    assert relation_fact_matrices(graph, 0) == {}


def test_bags_of_a_relation_are_weighted_by_tf_idf(make_inputs):
    triples = [(0, 0, 4), (1, 0, 4), (0, 0, 5), (1, 0, 5), (2, 0, 5), (0, 1, 6), (3, 1, 6)]
    bags = relation_fact_matrices(make_inputs([[1] * 4], triples=triples).graph, 9)
    rare, common = np.log(4 / 2), np.log(4 / 3)
    both = np.array([rare, common]) / np.hypot(rare, common)
    assert bags["r0"].toarray() == pytest.approx(np.array([both, both, [0, 1], [0, 0]]))
    # Each by itself is of unit length: what other relations an item has changes nothing.
    assert bags["r1"].toarray() == pytest.approx(np.array([[1.0], [0.0], [0.0], [1.0]]))


def test_relations_that_reach_as_many_items_come_by_name(make_inputs):
    triples = [(0, 1, 4), (1, 1, 4), (2, 0, 5), (3, 0, 5)]
    assert list(relation_fact_matrices(make_inputs([[1] * 4], triples=triples).graph, 9)) == ["r0", "r1"]


def test_products_of_sparse_rows_equal_those_of_dense_ones():
    matrix = np.array([[0, 2, 0], [0, 0, 0], [1, 0, 3], [0, 0, 4.0]])
    rows, dense = SparseRows(sp.csr_array(matrix)), torch.tensor([[1.0, -2.0], [0.5, 3.0], [4.0, 0.0]])
    for ids in ([2, 0, 2, 1], [1], [1, 1], [], [3], [0, 1, 2, 3]):
        wanted = torch.tensor(ids, dtype=torch.long)
        torch.testing.assert_close(rows.product(wanted, dense), rows.dense(wanted) @ dense)
    assert rows.product(torch.tensor([2, 0]), dense).tolist() == [[13.0, -2.0], [1.0, 6.0]]


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
