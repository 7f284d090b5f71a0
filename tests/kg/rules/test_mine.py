"""Rules of a graph that is made of them, and every count against SPARQL."""

from itertools import product

import numpy as np
import pytest
from pyoxigraph import NamedNode, Quad, Store

from kgrec.errors import InputError
from kgrec.kg.rules import mine
from kgrec.kg.rules.mine import Thresholds, mine_rules
from kgrec.kg.rules.rule import Rule
from kgrec.kg.rules.steps import Steps
from kgrec.shapes import Triples

NUM_NODES, NUM_RELATIONS = 12, 3
LIKES = 2
EVERYTHING = Thresholds(support=1, head_coverage=0.0, pca_confidence=0.0)


def random_steps(seed: int) -> Steps:
    rng = np.random.default_rng(seed)
    triples = np.stack(
        [
            rng.integers(NUM_NODES, size=40),
            rng.integers(NUM_RELATIONS, size=40),
            rng.integers(7, 12, size=40),
        ],
        axis=1,
    )
    return Steps(triples, NUM_NODES, NUM_RELATIONS)


def store_of(steps: Steps) -> Store:
    """The same graph in an engine that knows nothing of matrices."""
    store = Store()
    for relation, matrix in enumerate(steps.matrices[: steps.num_relations]):
        for head, tail in zip(*matrix.nonzero(), strict=True):
            store.add(Quad(NamedNode(f"n:{head}"), NamedNode(f"r:{relation}"), NamedNode(f"n:{tail}")))
    return store


def count(store: Store, pattern: str) -> int:
    (row,) = store.query(f"SELECT (COUNT(*) AS ?n) {{ SELECT DISTINCT ?x ?y {{ {pattern} }} }}")
    return int(row["n"].value)


def atom(step: int, start: str, end: str) -> str:
    first, second = (start, end) if step < NUM_RELATIONS else (end, start)
    return f"{first} <r:{step % NUM_RELATIONS}> {second} . "


def by_sparql(store: Store, head: int, body: tuple[int, ...]) -> tuple[int, float, float, float]:
    """Support, head coverage, confidence, PCA confidence; all zeros where the support is."""
    names = {1: "xy", 2: "xzy", 3: "xzwy"}[len(body)]
    pattern = "".join(
        atom(step, f"?{start}", f"?{end}") for step, start, end in zip(body, names, names[1:], strict=False)
    )
    if len(body) == 3:
        pattern += "FILTER(?z != ?y)"
    support = count(store, pattern + atom(head, "?x", "?y"))
    if support == 0:
        return 0, 0.0, 0.0, 0.0
    ends = [
        int(
            next(iter(store.query(f"SELECT (COUNT(DISTINCT ?{v}) AS ?n) {{ {atom(head, '?x', '?y')} }}")))[
                "n"
            ].value
        )
        for v in "xy"
    ]
    known = atom(head, "?x", "?other") if ends[0] >= ends[1] else atom(head, "?other", "?y")
    return (
        support,
        support / count(store, atom(head, "?x", "?y")),
        support / count(store, pattern),
        support / count(store, pattern + known),
    )


def figures(rule: Rule) -> tuple[int, float, float, float]:
    return rule.support, rule.head_coverage, rule.confidence, rule.pca_confidence


@pytest.mark.parametrize("seed", range(4))
def test_all_rules_and_all_their_counts_are_those_of_sparql(seed: int) -> None:
    steps = random_steps(seed)
    store = store_of(steps)
    directed = range(2 * NUM_RELATIONS)
    candidates = {
        (head, body)
        for head in range(NUM_RELATIONS)
        for body in [*((step,) for step in directed), *product(directed, directed)]
        if body != (head,)
    }
    candidates |= {(LIKES, (LIKES, *pair)) for pair in product((0, 1, 3, 4), repeat=2)}
    expected = {rule: found for rule in candidates if (found := by_sparql(store, *rule))[0]}
    mined = mine_rules(steps, EVERYTHING, likes=LIKES)
    assert len(mined) == len({(rule.head, rule.body) for rule in mined})
    assert {(rule.head, rule.body): figures(rule) for rule in mined} == expected
    assert len(expected) > 50


@pytest.mark.parametrize("seed", range(2))
def test_predictions_and_witnesses_agree_with_the_counts(seed: int) -> None:
    steps = random_steps(seed)
    for rule in mine_rules(steps, EVERYTHING, likes=LIKES):
        pairs = steps.predictions(rule)
        assert round(rule.support / rule.confidence) == len(pairs)
        found = set(map(tuple, pairs.tolist()))
        for x, y in product(range(NUM_NODES), range(NUM_NODES)):
            path = steps.witness(rule, x, y)
            assert (path is not None) == ((x, y) in found)
            if path is not None:
                assert (path[0], path[-1], len(path)) == (x, y, len(rule.body) + 1)
                for step, start, end in zip(rule.body, path, path[1:], strict=False):
                    assert end in steps.from_node(start, step)


@pytest.mark.parametrize(
    "thresholds", [Thresholds(3, 0.0, 0.0), Thresholds(1, 0.4, 0.0), Thresholds(2, 0.1, 0.5)]
)
def test_pruning_loses_no_rule(thresholds: Thresholds) -> None:
    steps = random_steps(0)
    kept = [
        rule
        for rule in mine_rules(steps, EVERYTHING, likes=LIKES)
        if rule.support >= thresholds.support
        and rule.head_coverage >= thresholds.head_coverage
        and rule.pca_confidence >= thresholds.pca_confidence
    ]
    assert mine_rules(steps, thresholds, likes=LIKES) == kept
    assert kept


def test_products_in_blocks_are_the_products(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = random_steps(1)
    whole = mine_rules(steps, EVERYTHING, likes=LIKES)
    monkeypatch.setattr(mine, "_MAX_CELLS", 3)
    assert mine_rules(steps, EVERYTHING, likes=LIKES) == whole


def family() -> Triples:
    """Ten couples (0, 1), (2, 3) …, of whom eight are married in both directions; place 20 + k of couple k.

    Relations: 0 married, 1 lives_in. The first of each couple has a place, the second one in six couples.
    """
    couples = [(2 * k, 2 * k + 1, 20 + k) for k in range(10)]
    rows = [(a, 0, b) for a, b, _ in couples] + [(b, 0, a) for a, b, _ in couples[:8]]
    rows += [(a, 1, place) for a, _, place in couples] + [(b, 1, place) for _, b, place in couples[:6]]
    return np.array(rows)


def test_a_graph_made_of_rules_tells_them() -> None:
    rules = {(rule.head, rule.body): rule for rule in mine_rules(Steps(family(), 30, 2), EVERYTHING)}
    symmetric = rules[0, (2,)]
    assert symmetric.text(["married", "lives_in"]) == "married(x, y) <- married(y, x)"
    assert figures(symmetric) == (16, 16 / 18, 16 / 18, 1.0)  # two of the second know no spouse
    together = rules[1, (0, 1)]
    assert together.text(["married", "lives_in"]) == "lives_in(x, y) <- married(x, z) & lives_in(z, y)"
    # Six of the first find the place of their second, eight of the second that of their first.
    assert figures(together) == (12, 12 / 16, 12 / 14, 1.0)


def test_heads_can_be_chosen() -> None:
    chosen = mine_rules(random_steps(0), EVERYTHING, heads=[1])
    assert chosen == [rule for rule in mine_rules(random_steps(0), EVERYTHING) if rule.head == 1]


def test_an_empty_graph_has_no_rule() -> None:
    assert mine_rules(Steps(np.empty((0, 3), dtype=np.int64), 5, 2), EVERYTHING, likes=1) == []


@pytest.mark.parametrize(
    ("values", "found"),
    [((0, 0.1, 0.1), "min_support: found 0"), ((1, 1.5, 0.1), "min_head_coverage: found 1.5")],
)
def test_thresholds_outside_their_range_are_refused(values: tuple[int, float, float], found: str) -> None:
    with pytest.raises(InputError, match=found):
        Thresholds(*values)
