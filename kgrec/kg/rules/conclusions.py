"""What rules say that the graph does not."""

import csv
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from kgrec.errors import InputError
from kgrec.kg.rules.rule import Rule, path_steps
from kgrec.kg.rules.steps import Steps
from kgrec.shapes import FloatArray, IntArray, Triples

_ATOM = re.compile(r"(.+?)\((\w), (\w)\)(?: & |$)")


def conclude(steps: Steps, rules: Sequence[Rule], triples: Triples) -> tuple[Triples, FloatArray]:
    """Conclusions of the rules that are not among the triples, and how sure they are.

    Rules are applied once, not to their own conclusions. A triple from a node to itself is no conclusion.
    One that several rules draw is as sure as the surest of them says: rules share much of their evidence, so
    their confidences do not add up.

    Args:
        steps: the graph.
        rules: to apply.
        triples: ``[T, 3]`` that are known.

    Returns:
        ``[n, 3]`` distinct triples in ascending order, and ``[n]`` the highest PCA confidence of each.
    """
    found = [np.empty((0, 3), dtype=np.int64)]
    sure = [np.empty(0)]
    for rule in rules:
        pairs = steps.predictions(rule)
        pairs = pairs[pairs[:, 0] != pairs[:, 1]]
        found.append(np.insert(pairs, 1, rule.head, axis=1))
        sure.append(np.full(len(pairs), rule.pca_confidence))
    distinct, place = np.unique(np.concatenate(found), axis=0, return_inverse=True)
    surest: FloatArray = np.zeros(len(distinct))
    np.maximum.at(surest, place, np.concatenate(sure))

    def keys(rows: Triples) -> IntArray:
        return (rows[:, 0] * steps.num_relations + rows[:, 1]) * steps.num_nodes + rows[:, 2]

    is_new = ~np.isin(keys(distinct), keys(triples))
    return distinct[is_new], surest[is_new]


def read_rules(path: Path, relation_names: Sequence[str]) -> list[Rule]:
    """Rules of a file that ``kgrec kg rules --out`` wrote.

    Args:
        path: CSV.
        relation_names: names of the relation ids ``0 … R-1`` that the rules are wanted in.

    Raises:
        InputError: no such file, a missing column, or a row that is no rule over these relations.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path}: cannot be read ({error}); expected what kgrec kg rules --out writes"
        ) from error
    ids = {name: relation for relation, name in enumerate(relation_names)}
    return [_parsed(row, f"{path}, row {number}", ids) for number, row in enumerate(rows, start=2)]


def _parsed(row: Mapping[str, str], place: str, ids: Mapping[str, int]) -> Rule:
    try:
        text = row["rule"]
        figures = [float(row[name]) for name in ("head coverage", "confidence", "PCA confidence")]
        support = int(row["support"])
    except (KeyError, ValueError, TypeError) as error:
        raise InputError(f"{place}: {error}; expected what kgrec kg rules --out writes") from error
    head, _, body = text.partition(" <- ")
    atoms = _ATOM.findall(f"{head} & {body}")
    for name, *_ in atoms:
        if name not in ids:
            raise InputError(
                f"{place}: no relation {name!r} among the facts of the graph; expected one such as "
                + ", ".join(repr(known) for known in list(ids)[:3])
            )
    path = path_steps([(ids[name], first, second) for name, first, second in atoms[1:]], len(ids))
    rule = Rule(ids[atoms[0][0]], path, len(ids), support, *figures) if path else None
    if rule is None or rule.text(list(ids)) != text:
        raise InputError(f"{place}: {text!r} is no rule whose body is a path from x to y")
    return rule
