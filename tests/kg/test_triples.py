import numpy as np
import pytest

from kgrec.kg.triples import drop_inverse_relations, inverse_coverage

FILM_A, FILM_B, DRAMA, COMEDY = range(4)
IS_FILM = np.array([True, True, False, False])
GENRE, FILMS_IN_GENRE, SEQUEL, PREQUEL = range(4)


def test_coverage_is_the_share_of_triples_listed_backwards() -> None:
    triples = np.array([[0, 0, 1], [0, 0, 2], [1, 1, 0], [3, 1, 3], [0, 2, 1]])
    expected = np.array([[0, 0.5, 0], [0.5, 0, 0.5], [0, 1, 0]])
    assert np.array_equal(inverse_coverage(triples, 3), expected)


def test_coverage_counts_a_repeated_triple_once() -> None:
    triples = np.array([[0, 0, 1], [0, 0, 1], [0, 0, 2], [1, 1, 0]])
    assert inverse_coverage(triples, 2)[0, 1] == 0.5


def test_the_direction_that_starts_at_items_stays() -> None:
    triples = np.array([[DRAMA, FILMS_IN_GENRE, FILM_A], [FILM_A, GENRE, DRAMA], [FILM_B, SEQUEL, FILM_A]])
    kept, dropped = drop_inverse_relations(triples, 4, 1.0, IS_FILM)
    assert dropped.tolist() == [FILMS_IN_GENRE]
    assert kept.tolist() == [[FILM_A, GENRE, DRAMA], [FILM_B, SEQUEL, FILM_A]]


def test_between_equals_the_lower_id_stays() -> None:
    triples = np.array([[FILM_A, PREQUEL, FILM_B], [FILM_B, SEQUEL, FILM_A]])
    kept, dropped = drop_inverse_relations(triples, 4, 1.0, IS_FILM)
    assert dropped.tolist() == [PREQUEL]
    assert kept.tolist() == [[FILM_B, SEQUEL, FILM_A]]


def test_a_small_relation_inside_the_inverse_of_a_large_one_is_dropped() -> None:
    large = [[FILM_A, GENRE, DRAMA], [FILM_B, GENRE, DRAMA], [FILM_B, GENRE, COMEDY]]
    _, dropped = drop_inverse_relations(np.array([*large, [DRAMA, FILMS_IN_GENRE, FILM_A]]), 2, 0.95, IS_FILM)
    assert dropped.tolist() == [FILMS_IN_GENRE]


def test_the_threshold_decides() -> None:
    forward = [[FILM_A, GENRE, DRAMA], [FILM_B, GENRE, DRAMA]]
    backward = [[DRAMA, FILMS_IN_GENRE, FILM_A], [COMEDY, FILMS_IN_GENRE, FILM_B]]
    triples = np.array([*forward, *backward])
    assert len(drop_inverse_relations(triples, 2, 0.6, IS_FILM)[1]) == 0
    assert drop_inverse_relations(triples, 2, 0.5, IS_FILM)[1].tolist() == [FILMS_IN_GENRE]


def test_of_three_that_say_the_same_one_stays() -> None:
    both_ways = [[FILM_A, GENRE, DRAMA], [DRAMA, FILMS_IN_GENRE, FILM_A], [DRAMA, SEQUEL, FILM_A]]
    kept, dropped = drop_inverse_relations(np.array(both_ways), 3, 1.0, IS_FILM)
    assert dropped.tolist() == [FILMS_IN_GENRE, SEQUEL]
    assert kept.tolist() == [[FILM_A, GENRE, DRAMA]]


def test_symmetric_relations_and_self_loops_are_no_inverses() -> None:
    symmetric = np.array([[0, 0, 1], [1, 0, 0]])
    assert len(drop_inverse_relations(symmetric, 1, 1.0, IS_FILM)[1]) == 0
    loops = np.array([[0, 0, 0], [0, 1, 0], [1, 1, 1]])
    assert len(drop_inverse_relations(loops, 2, 0.5, IS_FILM)[1]) == 0


def test_no_triples_and_relations_without_triples_are_fine() -> None:
    nothing = np.empty((0, 3), dtype=np.int64)
    kept, dropped = drop_inverse_relations(nothing, 2, 1.0, IS_FILM)
    assert (len(kept), len(dropped)) == (0, 0)
    assert len(drop_inverse_relations(np.array([[0, 1, 1]]), 3, 1.0, IS_FILM)[1]) == 0


@pytest.mark.parametrize("threshold", [0, 1.1])
def test_a_threshold_that_is_no_share_is_refused(threshold: float) -> None:
    with pytest.raises(ValueError, match="expected a share"):
        drop_inverse_relations(np.array([[0, 0, 1]]), 1, threshold, IS_FILM)
