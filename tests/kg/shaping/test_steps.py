from collections.abc import Callable

import numpy as np
import pytest

from kgrec.build import build, compose, options
from kgrec.errors import InputError
from kgrec.kg.fingerprint import graph_fingerprint
from kgrec.kg.shaping.base import ShapingStep
from kgrec.kg.shaping.core import Core
from kgrec.kg.shaping.distinct import Distinct
from kgrec.kg.shaping.hops import Hops
from kgrec.kg.shaping.hubs import Hubs
from kgrec.kg.shaping.inverses import Inverses
from kgrec.kg.shaping.relations import Relations
from kgrec.kg.shaping.shape import Shape
from kgrec.kg.shaping.symmetric import Symmetric, symmetry
from kgrec.shapes import Triples

NAMES = ["by", "made", "like"]


def graph(*rows: tuple[int, int, int]) -> Triples:
    return np.array(rows, dtype=np.int64).reshape(-1, 3)


def after(
    step: ShapingStep, triples: Triples, items: tuple[int, ...] = (), size: int = 10
) -> list[list[int]]:
    is_item = np.zeros(size, dtype=bool)
    is_item[list(items)] = True
    before = triples.copy()
    shaped = step(triples, NAMES, is_item)
    np.testing.assert_array_equal(triples, before)
    return shaped.tolist()


@pytest.mark.parametrize("choice", options("shape"))
def test_every_shape_takes_a_graph_and_an_empty_one(choice: str) -> None:
    shape: Shape = build(compose([f"shape={choice}"]).shape)
    is_item = np.zeros(9, dtype=bool)
    for triples in (graph((0, 0, 1), (1, 1, 0), (0, 0, 1), (2, 2, 2)), graph()):
        first, log = shape(triples, NAMES, is_item)
        again, _ = shape(triples, NAMES, is_item)
        assert first.shape[1] == 3
        np.testing.assert_array_equal(first, again)
        assert len(log) == len(shape.steps)
    assert (shape.name == "none") == (choice == "none")


def test_distinct() -> None:
    triples = graph((3, 0, 1), (0, 0, 1), (3, 0, 1), (2, 0, 2), (3, 1, 1))
    assert after(Distinct(), triples) == [[3, 0, 1], [0, 0, 1], [3, 1, 1]]


def test_relations_by_pattern() -> None:
    triples = graph((0, 0, 1), (1, 1, 0), (0, 2, 1))
    assert after(Relations(allow=["*e"], deny=["like"]), triples) == [[1, 1, 0]]
    assert after(Relations(allow=None, deny=["b?"]), triples) == [[1, 1, 0], [0, 2, 1]]
    assert after(Relations(allow=[], deny=[]), triples) == []
    with pytest.raises(InputError, match=r"deny has 'mad', which fits no relation; there are by, like, made"):
        after(Relations(allow=None, deny=["mad"]), triples)


def test_inverses_are_said_once_or_in_full() -> None:
    triples = graph((0, 0, 5), (1, 0, 5), (5, 1, 0), (5, 1, 1), (2, 0, 6), (0, 2, 1))
    dropped = after(Inverses(threshold=0.6, action="drop"), triples, items=(0, 1, 2))
    assert dropped == [[0, 0, 5], [1, 0, 5], [2, 0, 6], [0, 2, 1]]
    completed = after(Inverses(threshold=0.6, action="complete"), triples)
    assert completed == [*triples.tolist(), [6, 1, 2]]
    assert (
        after(Inverses(threshold=1.0, action="complete"), dropped_of := graph((0, 0, 1)))
        == dropped_of.tolist()
    )


def test_symmetric_relations_once_or_in_full() -> None:
    triples = graph((0, 2, 1), (1, 2, 0), (2, 2, 3), (4, 2, 4), (0, 0, 1), (1, 0, 0), (0, 0, 2), (0, 0, 3))
    np.testing.assert_allclose(symmetry(triples, 3), [0.5, 0, 2 / 3])
    once = after(Symmetric(threshold=0.6, action="once"), triples)
    assert once == [row for row in triples.tolist() if row != [1, 2, 0]]
    full = after(Symmetric(threshold=0.6, action="complete"), triples)
    assert full == [*triples.tolist(), [3, 2, 2]]


def test_hubs_go_with_their_triples_and_items_stay() -> None:
    triples = graph((0, 0, 9), (1, 0, 9), (2, 0, 9), (0, 0, 8), (0, 0, 7), (1, 0, 7))
    assert after(Hubs(max_degree=2), triples, items=(0,)) == [[0, 0, 8], [0, 0, 7], [1, 0, 7]]
    assert after(Hubs(max_degree=3), triples, items=(0,)) == triples.tolist()


def test_the_core_is_found_in_rounds() -> None:
    # 5 falls, so 4 falls, so relation 1 has one triple only and falls; the ring of 1, 2, 3 stays.
    triples = graph((1, 0, 2), (2, 0, 3), (3, 0, 1), (3, 1, 1), (3, 1, 4), (4, 0, 5))
    assert after(Core(entity=2, relation=2), triples) == [[1, 0, 2], [2, 0, 3], [3, 0, 1]]
    assert after(Core(entity=2, relation=0), triples) == [[1, 0, 2], [2, 0, 3], [3, 0, 1], [3, 1, 1]]
    assert after(Core(entity=2, relation=0), triples, items=(5,)) == triples.tolist()
    assert after(Core(entity=0, relation=0), triples) == triples.tolist()


def test_hops_count_from_the_items() -> None:
    chain = graph((1, 0, 0), (1, 0, 2), (3, 0, 2), (3, 0, 4), (7, 0, 8))
    for hops in (1, 2, 3, 4):
        assert after(Hops(hops=hops), chain, items=(0,)) == chain[:hops].tolist()
    assert after(Hops(hops=9), chain, items=(0,)) == chain[:4].tolist()
    assert after(Hops(hops=9), chain) == []


def test_steps_run_in_their_order_and_are_counted() -> None:
    triples = graph((0, 0, 1), (0, 0, 1), (2, 0, 1), (0, 1, 3))
    is_item = np.array([True, False, False, False])
    shaped, log = Shape([Distinct(), Core(entity=2, relation=0)])(triples, NAMES, is_item)
    assert shaped.tolist() == []  # 2 and 3 fall, then 1
    assert log[0] == (
        "shape distinct: 4 → 3 triples, 4 → 4 entities, 2 → 2 relations, 1 → 1 items' entities with facts"
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Inverses(threshold=0.0, action="drop"), "inverses: threshold is 0.0"),
        (
            lambda: Symmetric(threshold=0.5, action="drop"),
            "symmetric: action is 'drop', expected one of once",
        ),
        (lambda: Hubs(max_degree=0), "hubs: max_degree is 0"),
        (lambda: Core(entity=-1, relation=0), "core: entity is -1"),
        (lambda: Core(entity=0, relation=-2), "core: relation is -2"),
        (lambda: Hops(hops=0), "hops: hops is 0"),
    ],
)
def test_settings_outside_their_range_are_refused(make: Callable[[], ShapingStep], message: str) -> None:
    with pytest.raises(InputError, match=message):
        make()


def test_the_fingerprint_changes_with_everything_it_names() -> None:
    triples, links = graph((0, 0, 1)), np.array([0, -1])
    same = graph_fingerprint(triples, links, ["a", "b"], ["r"])
    assert same == graph_fingerprint(triples.copy(), links.copy(), ["a", "b"], ["r"])
    others = [
        graph_fingerprint(graph((1, 0, 0)), links, ["a", "b"], ["r"]),
        graph_fingerprint(triples, np.array([-1, 0]), ["a", "b"], ["r"]),
        graph_fingerprint(triples, links, ["a", "c"], ["r"]),
        graph_fingerprint(triples, links, ["a", "b"], ["s"]),
    ]
    assert len({same, *others}) == 5
