"""Neighbours of an entity, as a picture tells them."""

import numpy as np

from kgrec.kg.close_up import Branch, Leaf, branches_of

NAMES = ["film", "other film", "third film", "person", "actor", "comedy", "sequel"]
DIRECTED, WROTE, GENRE, SEQUEL = range(4)
RELATIONS = ["directed_by", "written_by", "genre", "sequel"]
TRIPLES = np.array(
    [
        (0, DIRECTED, 3), (0, WROTE, 3), (0, WROTE, 4), (0, GENRE, 5), (0, GENRE, 5), (0, GENRE, 0),
        (1, GENRE, 5), (2, GENRE, 5), (2, WROTE, 4), (2, DIRECTED, 4), (0, SEQUEL, 6), (1, SEQUEL, 0),
    ]
)  # fmt: skip
LINKS = np.array([0, 2, 1, -1])
TITLES = ["Film", "Third", "Other", "Unlinked"]


def branches(max_leaves: int = 5, max_others: int = 5) -> list[Branch]:
    return branches_of(0, TRIPLES, LINKS, NAMES, RELATIONS, TITLES, max_leaves, max_others)


def test_each_neighbour_stands_once_by_all_that_joins_it() -> None:
    assert branches() == [
        Branch((("directed_by", True), ("written_by", True)), (Leaf("person", False, (), 0),), 0),
        Branch((("written_by", True),), (Leaf("actor", False, ("Third",), 0),), 0),
        Branch((("genre", True),), (Leaf("comedy", False, ("Third", "Other"), 0),), 0),
        Branch((("sequel", True),), (Leaf("sequel", False, (), 0),), 0),
        Branch((("sequel", False),), (Leaf("Other", True, (), 0),), 0),
    ]


def test_what_is_left_out_is_counted() -> None:
    (genre,) = (branch for branch in branches(max_others=1) if branch.relations == (("genre", True),))
    assert genre.leaves == (Leaf("comedy", False, ("Third",), 1),)
    around_genre = branches_of(5, TRIPLES, LINKS, NAMES, RELATIONS, TITLES, 2, 0)
    assert around_genre == [
        Branch((("genre", False),), (Leaf("Film", True, (), 0), Leaf("Third", True, (), 0)), 1)
    ]


def test_an_entity_without_facts_has_no_branch() -> None:
    assert branches_of(0, TRIPLES[:0], LINKS, NAMES, RELATIONS, TITLES, 5, 5) == []
