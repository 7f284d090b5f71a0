import numpy as np
import pytest

from kgrec.kg.taste import MAX_HOPS, Taste, ask_taste
from kgrec.shapes import IntArray, Pairs, Triples

NUM_GROUPS, GROUP = 10, 6
NUM_ITEMS = NUM_GROUPS * GROUP
USERS_OF_GROUP = 4
GROUP_OF_ITEM = np.arange(NUM_ITEMS) % NUM_GROUPS


def likes() -> Pairs:
    """Each user likes all items of one group."""
    rows = [
        (user, item)
        for item in range(NUM_ITEMS)
        for user in range(NUM_GROUPS * USERS_OF_GROUP)
        if user % NUM_GROUPS == GROUP_OF_ITEM[item]
    ]
    return np.array(rows)


def facts(group_of_item: IntArray) -> Triples:
    """Each item's entity is joined to the one entity of a group."""
    items = np.arange(NUM_ITEMS)
    return np.stack([items, np.zeros(NUM_ITEMS, dtype=np.int64), NUM_ITEMS + group_of_item], axis=1)


def ask(triples: Triples, links: IntArray | None = None, train: Pairs | None = None) -> Taste:
    return ask_taste(
        likes() if train is None else train,
        NUM_GROUPS * USERS_OF_GROUP,
        triples,
        np.arange(NUM_ITEMS) if links is None else links,
        num_items=50,
        num_partners=3,
        seed=0,
    )


def test_a_graph_of_the_groups_knows_and_says_how_near() -> None:
    taste = ask(facts(GROUP_OF_ITEM))
    assert taste.answer == "yes"
    assert (taste.items, taste.pairs) == (50, 150)
    assert taste.shared is not None
    assert taste.hops is not None
    assert taste.shared.partners == 1.0  # all partners have the one fact in common, which is all there is
    assert taste.hops.partners == 2.0
    assert taste.hops.controls > MAX_HOPS  # another group cannot be reached
    assert 0 < taste.shared.low <= 1 - taste.shared.controls <= taste.shared.high
    assert taste == ask(facts(GROUP_OF_ITEM))


def test_a_graph_of_other_groups_does_not() -> None:
    taste = ask(facts(np.arange(NUM_ITEMS) // GROUP))
    assert taste.answer == "no"
    assert taste.shared is not None
    assert taste.shared.partners == 0.0


def test_rare_facts_weigh_more_and_a_fact_of_all_nothing() -> None:
    everything = facts(np.zeros(NUM_ITEMS, dtype=np.int64))
    taste = ask(everything)
    assert taste.shared is not None
    assert taste.shared.partners == taste.shared.controls == 0.0
    assert taste.answer == "no"


def test_twins_are_left_out() -> None:
    twins = np.arange(NUM_ITEMS)
    twins[NUM_GROUPS:] = twins[:-NUM_GROUPS]  # each item's entity is that of an item of its group as well
    twins %= 2 * NUM_GROUPS
    taste = ask(facts(GROUP_OF_ITEM), links=twins)
    assert taste.pairs < 150


@pytest.mark.parametrize(
    ("triples", "links", "train"),
    [
        (np.empty((0, 3), dtype=np.int64), np.arange(NUM_ITEMS), likes()),
        (facts(GROUP_OF_ITEM), np.full(NUM_ITEMS, -1), likes()),
        (facts(GROUP_OF_ITEM), np.arange(NUM_ITEMS), likes()[:3]),
        (facts(GROUP_OF_ITEM), np.arange(NUM_ITEMS), np.empty((0, 2), dtype=np.int64)),
    ],
)
def test_with_nothing_to_compare_there_is_no_answer(triples: Triples, links: IntArray, train: Pairs) -> None:
    taste = ask(triples, links, train)
    assert (taste.answer, taste.shared, taste.hops) == ("unknown", None, None)


@pytest.mark.parametrize("bad", [{"num_items": 0, "num_partners": 1}, {"num_items": 1, "num_partners": 0}])
def test_sizes_are_checked(bad: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="expected 1 or more"):
        ask_taste(likes(), 40, facts(GROUP_OF_ITEM), np.arange(NUM_ITEMS), seed=0, **bad)
