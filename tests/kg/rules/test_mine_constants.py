"""Rules with constants of graphs that are made of them, and every count against SPARQL."""

from collections.abc import Iterator
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from pyoxigraph import NamedNode, Quad, Store

from kgrec.kg.rules.constant_rule import Atom, ConstantRule
from kgrec.kg.rules.mine import Thresholds
from kgrec.kg.rules.mine_constants import mine_constant_rules
from kgrec.kg.rules.steps import Steps

NUM_NODES, NUM_RELATIONS = 9, 2
STEPS = range(2 * NUM_RELATIONS)
EVERYTHING = Thresholds(support=1, head_coverage=0.0, pca_confidence=0.0)
Found = dict[tuple[Atom, tuple[Atom, ...]], tuple[int, float, float, float]]


def random_steps(seed: int) -> Steps:
    rng = np.random.default_rng(seed)
    columns = [rng.integers(bound, size=26) for bound in (NUM_NODES, NUM_RELATIONS, NUM_NODES)]
    return Steps(np.stack(columns, axis=1), NUM_NODES, NUM_RELATIONS)


def store_of(steps: Steps) -> Store:
    """The same graph in an engine that knows nothing of matrices."""
    store = Store()
    for relation, matrix in enumerate(steps.matrices[: steps.num_relations]):
        for head, tail in zip(*matrix.nonzero(), strict=True):
            store.add(Quad(NamedNode(f"n:{head}"), NamedNode(f"r:{relation}"), NamedNode(f"n:{tail}")))
    return store


def step(number: int, start: str, end: str) -> str:
    first, second = (start, end) if number < NUM_RELATIONS else (end, start)
    return f"{first} <r:{number % NUM_RELATIONS}> {second} . "


def counts(store: Store, pattern: str, variables: str, constants: str) -> dict[tuple[int, ...], int]:
    """Distinct bindings of the variables, for each binding of the constants."""
    inner = f"SELECT DISTINCT {variables} {constants} {{ {pattern} }}"
    rows = store.query(f"SELECT {constants} (COUNT(*) AS ?n) {{ {inner} }} GROUP BY {constants}")
    names = [name.lstrip("?") for name in constants.split()]
    return {tuple(int(row[name].value[2:]) for name in names): int(row["n"].value) for row in rows}


def total(store: Store, pattern: str, variables: str) -> int:
    (row,) = store.query(f"SELECT (COUNT(*) AS ?n) {{ SELECT DISTINCT {variables} {{ {pattern} }} }}")
    return int(row["n"].value)


def rules_of_some(store: Store) -> Iterator[tuple[Atom, tuple[Atom, ...], tuple[int, float, float, float]]]:
    """h(x, y) <- b(x, y) & r(x or y, D)."""
    for head, body, other, variable in product(range(NUM_RELATIONS), STEPS, STEPS, "xy"):
        own = head if variable == "x" else head + NUM_RELATIONS
        if body == head or other == own:
            continue
        claim, plain = step(head, "?x", "?y"), step(body, "?x", "?y")
        by_start = total(store, claim, "?x") >= total(store, claim, "?y")
        known = step(head, "?x", "?any") if by_start else step(head, "?any", "?y")
        if not (agreed := total(store, plain + claim, "?x ?y")):
            continue
        parent = Fraction(agreed, total(store, plain + known, "?x ?y"))
        pattern = plain + step(other, f"?{variable}", "?d")
        support, pairs, asked = (counts(store, pattern + more, "?x ?y", "?d") for more in (claim, "", known))
        for (constant,), found in support.items():
            if Fraction(found, asked[constant,]) > parent:
                atoms = (
                    Atom.of_step(s, v, e, NUM_RELATIONS)
                    for s, v, e in ((body, "x", "y"), (other, variable, constant))
                )
                size = total(store, claim, "?x ?y")
                yield (
                    Atom(head, "x", "y"),
                    tuple(atoms),
                    (found, found / size, found / pairs[constant,], found / asked[constant,]),
                )


def rules_of_heads(store: Store) -> Iterator[tuple[Atom, tuple[Atom, ...], tuple[int, float, float, float]]]:
    """h(x, C) <- r(x, D), and with a step before it."""
    for head, path, last in product(STEPS, (None, *STEPS), STEPS):
        claim, known = step(head, "?x", "?c"), step(head, "?x", "?any")
        size = counts(store, claim, "?x", "?c")
        everyone = total(store, known, "?x")
        first = "" if path is None else step(path, "?x", "?z")
        body = first + step(last, "?x" if path is None else "?z", "?d")
        # The constant of the head is bound before the body, to any that the head may be about.
        about = f"{{ SELECT DISTINCT ?c {{ {step(head, '?someone', '?c')} }} }} "
        unlike = "FILTER(?z != ?c) " if path == head else ""
        support, pairs, asked = (
            counts(store, about + body + more + unlike, "?x", "?c ?d") for more in (claim, "", known)
        )
        for (constant, other), found in support.items():
            key = (constant, other)
            if (path is None and head == last and constant == other) or (
                Fraction(found, asked[key]) <= Fraction(size[constant,], everyone)
            ):
                continue
            variable = "x" if path is None else "z"
            atoms = [Atom.of_step(last, variable, other, NUM_RELATIONS)]
            atoms = atoms if path is None else [Atom.of_step(path, "x", "z", NUM_RELATIONS), *atoms]
            shares = (found / size[constant,], found / pairs[key], found / asked[key])
            yield Atom.of_step(head, "x", constant, NUM_RELATIONS), tuple(atoms), (found, *shares)


def figures(rule: ConstantRule) -> tuple[int, float, float, float]:
    return rule.support, rule.head_coverage, rule.confidence, rule.pca_confidence


@pytest.mark.parametrize("seed", range(3))
def test_all_rules_and_all_their_counts_are_those_of_sparql(seed: int) -> None:
    steps = random_steps(seed)
    store = store_of(steps)
    of_some = {(head, body): found for head, body, found in rules_of_some(store)}
    of_heads = {(head, body): found for head, body, found in rules_of_heads(store)}
    mined = mine_constant_rules(steps, EVERYTHING)
    assert len(mined) == len({(rule.head, rule.body) for rule in mined})
    assert {(rule.head, rule.body): figures(rule) for rule in mined} == of_some | of_heads
    assert len(of_some) > 5
    assert len(of_heads) > 100


def fame(steps: Steps, atom: Atom) -> float:
    """How many have the constant of an atom."""
    rows, columns = steps.matrices[atom.relation].nonzero()
    constants = [(columns, atom.second), (rows, atom.first)]
    return min(((of == term).sum() for of, term in constants if isinstance(term, int)), default=np.inf)


@pytest.mark.parametrize(
    "thresholds", [Thresholds(2, 0.0, 0.0), Thresholds(1, 0.6, 0.0), Thresholds(2, 0.1, 0.8)]
)
def test_thresholds_keep_what_reaches_them_about_frequent_constants(thresholds: Thresholds) -> None:
    steps = random_steps(0)
    kept = [
        rule
        for rule in mine_constant_rules(steps, EVERYTHING)
        if min(rule.support, *(fame(steps, atom) for atom in rule.body)) >= thresholds.support
        and rule.head_coverage >= thresholds.head_coverage
        and rule.pca_confidence >= thresholds.pca_confidence
    ]
    assert mine_constant_rules(steps, thresholds) == kept
    assert kept


GENRE, DIRECTED, WROTE, SEQUEL = range(4)
RELATIONS = ["genre", "directed", "wrote", "sequel"]
COMEDY, DRAMA, PERSON = 40, 41, 42


def films() -> Steps:
    """Twenty comedies, whose ten directors wrote them, and twenty dramas, which others wrote.

    Film k + 1 is the sequel of film k where k is even.
    """
    rows = []
    for film in range(40):
        person = PERSON + film // 2
        rows += [(film, GENRE, COMEDY if film < 20 else DRAMA), (film, DIRECTED, person)]
        rows.append((film, WROTE, person if film < 20 else PERSON + (film // 2 - 9) % 20))
        rows += [(film, SEQUEL, film + 1)] if film % 2 == 0 else []
    return Steps(np.array(rows), PERSON + 20, 4)


def test_a_rule_that_holds_for_comedies_alone_is_found() -> None:
    names = [f"n{node}" for node in range(PERSON + 20)]
    names[COMEDY], names[DRAMA] = "Comedy", "Drama"
    rules = {rule.text(RELATIONS, names): rule for rule in mine_constant_rules(films(), Thresholds(5, 0, 0))}
    of_comedies = rules['wrote(x, y) <- directed(x, y) & genre(x, "Comedy")']
    assert figures(of_comedies) == (20, 20 / 40, 1.0, 1.0)
    assert 'wrote(x, y) <- directed(x, y) & genre(x, "Drama")' not in rules
    sequels = rules['genre(x, "Comedy") <- sequel(x, z) & genre(z, "Comedy")']
    assert figures(sequels) == (10, 10 / 20, 1.0, 1.0)


def test_a_second_liking_is_the_evidence_and_no_user_is_a_constant() -> None:
    # Users 0 to 5 like items 10 and 11 of maker 20, users 6 and 7 item 10, 8 and 9 item 12, 8 also 11.
    likes = [(user, 1, item) for user in range(6) for item in (10, 11)] + [(6, 1, 10), (7, 1, 10)]
    likes += [(8, 1, 11), (8, 1, 12), (9, 1, 12)]
    steps = Steps(np.array([*likes, (10, 0, 20), (11, 0, 20), (12, 0, 21)]), 22, 2)
    rules = mine_constant_rules(steps, Thresholds(2, 0.0, 0.0), heads=[1], likes=1)
    by_atoms = {(rule.head, rule.body): rule for rule in rules}
    assert all(rule.head.relation == 1 and rule.head.first == "x" for rule in rules)
    made = (Atom(1, "x", "z"), Atom(0, "z", 20))
    # Of the seven who like 11, six like 10; without z ≠ C all eight who like 10 would count.
    assert figures(by_atoms[Atom(1, "x", 11), made]) == (6, 6 / 7, 6 / 8, 6 / 8)
    assert (Atom(1, "x", 10), made) in by_atoms


def test_an_empty_graph_has_no_rule() -> None:
    assert mine_constant_rules(Steps(np.empty((0, 3), dtype=np.int64), 5, 2), EVERYTHING) == []
