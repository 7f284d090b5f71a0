"""Fact vectors: a known answer, and what is shared by nobody is left out."""

import numpy as np

from kgrec.kg.fact_vectors import fact_vectors


def test_known_answer() -> None:
    # items 0, 1, 2 are entities 0, 1, 2; item 3 is unlinked; entity 3 directed 0 and 1, entity 4 made 0, 1, 2
    triples = np.array([[0, 0, 3], [1, 0, 3], [4, 1, 0], [4, 1, 1], [4, 1, 2], [2, 0, 5]])
    vectors = fact_vectors(triples, np.array([0, 1, 2, -1])).toarray()
    rare, common = np.log1p(4 / 2), np.log1p(4 / 3)
    length = np.hypot(rare, common)
    similarity = vectors @ vectors.T
    np.testing.assert_allclose(similarity[0, 1], 1.0)
    np.testing.assert_allclose(similarity[0, 2], common / length)
    np.testing.assert_allclose(np.diag(similarity), [1.0, 1.0, 1.0, 0.0])


def test_a_fact_told_twice_counts_once() -> None:
    triples = np.array([[0, 0, 2], [1, 0, 2], [0, 1, 3], [1, 1, 3]])
    links = np.array([0, 1])
    twice = np.concatenate([triples, triples[:1]])
    np.testing.assert_array_equal(
        fact_vectors(triples, links).toarray(), fact_vectors(twice, links).toarray()
    )


def test_direction_and_relation_make_different_facts() -> None:
    triples = np.array([[0, 0, 2], [2, 0, 1], [1, 1, 2]])
    assert not fact_vectors(triples, np.array([0, 1])).toarray().any()


def test_no_graph_and_no_links() -> None:
    empty = np.zeros((0, 3), dtype=np.int64)
    assert fact_vectors(empty, np.array([0, -1])).toarray().shape[0] == 2
    assert not fact_vectors(np.array([[0, 0, 1]]), np.array([-1, -1])).toarray().any()
