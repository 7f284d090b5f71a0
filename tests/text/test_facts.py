"""Facts told in words."""

import numpy as np
import pytest

from kgrec.shapes import IntArray, Triples
from kgrec.text.facts import texts_with_facts

ENTITIES = [
    "m.01",  # 0: the film Heat
    "genre:Crime",
    "genre:Drama",
    "Michael Mann",
    "Al Pacino",
    "m.0bln8",
    "http://example.org/resource/Val_Kilmer#",
    "m.02",  # 7: a film without facts
    "It: Chapter Two",
    "year:1995",
]
RELATIONS = [
    "genre",
    "film.film.actor",
    "film.producer.film",
    "http://example.org/ontology/directed_by",
    "influenced",
]
TRIPLES = np.array(
    [
        [0, 1, 4],
        [0, 0, 2],
        [0, 0, 1],
        [3, 2, 0],
        [0, 3, 3],
        [0, 1, 5],
        [0, 1, 6],
        [8, 4, 0],
        [0, 0, 2],  # told twice
        [1, 4, 2],  # about no item
    ],
    dtype=np.int64,
)


def tell(texts: list[str], links: list[int], max_facts: int = 100, triples: Triples = TRIPLES) -> list[str]:
    item_to_entity: IntArray = np.array(links, dtype=np.int64)
    return texts_with_facts(texts, triples, item_to_entity, ENTITIES, RELATIONS, max_facts)


def test_named_facts_of_small_relations_come_first_and_ids_last() -> None:
    assert tell(["Heat (1995)"], [0]) == [
        "Heat (1995). directed by: Michael Mann. influenced of: It: Chapter Two. producer: Michael Mann. "
        "actor: Al Pacino, Val Kilmer. genre: Crime, Drama. actor: m.0bln8"
    ]


def test_max_facts_cuts_in_that_order() -> None:
    assert tell(["Heat"], [0], max_facts=1) == ["Heat. directed by: Michael Mann"]
    assert tell(["Heat"], [0], max_facts=4) == [
        "Heat. directed by: Michael Mann. influenced of: It: Chapter Two. producer: Michael Mann. "
        "actor: Al Pacino"
    ]
    assert tell(["Heat"], [0], max_facts=0) == ["Heat"]


def test_the_order_of_the_triples_does_not_matter() -> None:
    assert tell(["Heat"], [0], triples=TRIPLES[::-1]) == tell(["Heat"], [0])


def test_unlinked_items_and_items_without_facts_keep_their_text() -> None:
    assert tell(["Heat", "Alien", ""], [-1, 7, -1]) == ["Heat", "Alien", ""]


def test_an_empty_text_is_made_of_facts_alone() -> None:
    assert tell(["  "], [0], max_facts=1) == ["directed by: Michael Mann"]


@pytest.mark.parametrize("end", [".", "!", "?"])
def test_a_sentence_is_not_ended_twice(end: str) -> None:
    assert tell([f"Heat{end} "], [0], max_facts=1) == [f"Heat{end} directed by: Michael Mann"]


def test_items_that_share_an_entity_share_its_facts() -> None:
    first, second = tell(["A", "B"], [0, 0], max_facts=1)
    assert first.removeprefix("A") == second.removeprefix("B")


def test_a_typed_number_is_a_name_and_a_bare_one_an_id() -> None:
    triples = np.array([[0, 0, 0], [0, 0, 1]], dtype=np.int64)
    links = np.array([0], dtype=np.int64)
    assert texts_with_facts(["x"], triples, links, ["77", "year:1995"], ["r"], 1) == ["x. r: 1995"]


def test_no_triples() -> None:
    assert tell(["Heat"], [0], triples=np.empty((0, 3), dtype=np.int64)) == ["Heat"]


def test_wrong_arguments() -> None:
    with pytest.raises(ValueError, match="2 item texts, but 1 links"):
        tell(["a", "b"], [0])
    with pytest.raises(ValueError, match="max_facts is -1"):
        tell(["a"], [0], max_facts=-1)
