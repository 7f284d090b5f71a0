import numpy as np
import pytest

from kgrec.data.link_check import LinkCheck, check_links_by_use

NUM_CLIQUES, USERS, ITEMS = 20, 5, 6


def cliques() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs, triples and links: each group of users consumes its group's items, which share a maker."""
    groups = np.arange(NUM_CLIQUES)
    users = (groups[:, None, None] * USERS + np.arange(USERS)[:, None]).repeat(ITEMS, axis=2)
    items = (groups[:, None, None] * ITEMS + np.arange(ITEMS)).repeat(USERS, axis=1)
    pairs = np.stack([users.ravel(), items.ravel()], axis=1)
    num_items = NUM_CLIQUES * ITEMS
    makers = num_items + np.arange(num_items) // ITEMS
    triples = np.stack([np.arange(num_items), np.zeros(num_items, dtype=np.int64), makers], axis=1)
    return pairs, triples, np.arange(num_items)


def check(pairs: np.ndarray, triples: np.ndarray, links: np.ndarray) -> LinkCheck:
    return check_links_by_use(pairs, NUM_CLIQUES * USERS, triples, links, num_shuffles=5, seed=0)


def test_links_that_match_use_are_sound() -> None:
    result = check(*cliques())
    assert result.num_pairs == NUM_CLIQUES * ITEMS * (ITEMS - 1) // 2
    assert result.lift == pytest.approx(NUM_CLIQUES)  # all five of a group against 5 · 5 / 100
    assert result.similarity == pytest.approx(1.0)
    assert result.shuffled_lifts.mean() < 2
    assert result.verdict == "sound"


def test_links_to_other_items_are_random() -> None:
    pairs, triples, links = cliques()
    result = check(pairs, triples, np.random.default_rng(3).permutation(links))
    assert result.lift < 2
    assert result.verdict == "random"


def test_direction_of_triples_and_order_of_links_do_not_matter() -> None:
    pairs, triples, links = cliques()
    assert check(pairs, triples[:, ::-1], links).lift == pytest.approx(check(pairs, triples, links).lift)


def test_entities_that_everyone_touches_tell_nothing() -> None:
    pairs, triples, links = cliques()
    triples[:, 2] = triples[0, 2]
    result = check(pairs, triples, links)
    assert result.num_pairs == 0
    assert result.verdict == "unknown"


def test_no_graph_no_links_or_no_users_is_unknown() -> None:
    pairs, triples, links = cliques()
    assert check(pairs, triples[:0], links).verdict == "unknown"
    assert check(pairs, triples, np.full_like(links, -1)).verdict == "unknown"
    assert check(pairs[:0], triples, links).verdict == "unknown"


def test_unlinked_items_stay_unlinked_in_shuffles() -> None:
    pairs, triples, links = cliques()
    links[ITEMS:] = -1
    result = check(pairs, triples, links)
    # All linked items have one maker: each shuffle gives the same pairs, so it has no spread.
    assert result.num_pairs == ITEMS * (ITEMS - 1) // 2
    assert np.allclose(result.shuffled_similarities, result.similarity)
    assert result.verdict == "unknown"


def test_the_seed_decides_the_shuffles() -> None:
    data = cliques()
    assert np.array_equal(check(*data).shuffled_lifts, check(*data).shuffled_lifts)


def test_one_shuffle_has_no_spread() -> None:
    with pytest.raises(ValueError, match="expected at least 2"):
        check_links_by_use(*cliques()[:1], 100, *cliques()[1:], num_shuffles=1, seed=0)
