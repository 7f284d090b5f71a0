"""Rules read back from their file, and what they conclude."""

from pathlib import Path

import numpy as np
import pytest

from kgrec.errors import InputError
from kgrec.kg.rules.conclusions import conclude, read_rules
from kgrec.kg.rules.rule import Rule
from kgrec.kg.rules.steps import Steps

NAMES = ["film.film.genre", "is like (more or less)", "likes"]
COLUMNS = ["rule", "support", "head coverage", "confidence", "PCA confidence"]
BODIES = [(1,), (4,), (0, 3), (3, 1), (4, 4), (2, 0, 3), (2, 4, 1)]


def written(path: Path, rules: list[Rule]) -> Path:
    rows = [
        f'"{rule.text(NAMES)}",{rule.support},{rule.head_coverage},{rule.confidence},{rule.pca_confidence}'
        for rule in rules
    ]
    path.write_text("\n".join([",".join(COLUMNS), *rows]) + "\n")
    return path


def test_rules_come_back_from_their_file(tmp_path: Path) -> None:
    rules = [Rule(head, body, 3, 7, 0.25, 0.5, 0.75) for head in range(3) for body in BODIES]
    assert read_rules(written(tmp_path / "rules.csv", rules), NAMES) == rules


@pytest.mark.parametrize(
    ("rule", "found"),
    [
        ("likes(x, y) <- wrote(x, y)", "row 2: no relation 'wrote' among the facts"),
        ("likes(x, y) <- likes(x, z)", "row 2: .* is no rule whose body is a path from x to y"),
        ("likes(x, y) <- likes(x, z) & likes(x, y)", "is no rule whose body is a path"),
        ('likes(x, ""Heat"") <- likes(x, ""Ali"")', "is no rule whose body is a path"),
        ("likes(x, y)", "is no rule whose body is a path"),
        ("", "is no rule whose body is a path"),
    ],
)
def test_what_is_no_rule_is_named(rule: str, found: str, tmp_path: Path) -> None:
    path = tmp_path / "rules.csv"
    path.write_text(",".join(COLUMNS) + f'\n"{rule}",1,0.1,0.1,0.1\n')
    with pytest.raises(InputError, match=found):
        read_rules(path, NAMES)


@pytest.mark.parametrize("content", ["rule,support\na,1\n", ",".join(COLUMNS) + "\nlikes,many,1,1,1\n"])
def test_a_file_of_another_kind_is_named(content: str, tmp_path: Path) -> None:
    path = tmp_path / "rules.csv"
    path.write_text(content)
    with pytest.raises(InputError, match=r"rules\.csv, row 2: .*; expected what kgrec kg rules --out writes"):
        read_rules(path, NAMES)


def test_a_conclusion_is_as_sure_as_the_surest_rule() -> None:
    triples = np.array([[0, 0, 1], [0, 1, 1], [2, 0, 3], [4, 1, 5], [6, 0, 6]])
    rules = [Rule(1, (0,), 2, 1, 0.5, 0.5, 0.4), Rule(1, (2,), 2, 1, 0.5, 0.5, 0.2)]
    rules.append(Rule(1, (0,), 2, 1, 0.5, 0.5, 0.3))
    found, confidences = conclude(Steps(triples, 7, 2), rules, triples)
    # 0 → 1 is known; 6 → 6 is no step.
    assert found.tolist() == [[1, 1, 0], [2, 1, 3], [3, 1, 2]]
    assert confidences.tolist() == [0.2, 0.4, 0.2]
