"""Graph facts as text: the knowledge graph told to a language model in words."""

import re
from collections import Counter
from collections.abc import Sequence
from itertools import groupby

import numpy as np

from kgrec.shapes import IntArray, Triples

_TYPE_PREFIX = re.compile(r"^[a-z][a-z0-9_]*:(?=[^\s/])")  # "genre:Comedy", but neither "It: A" nor "http://"
_ID = re.compile(r"[mg]\.[0-9a-z_]+|Q\d+|\d+")  # Freebase, Wikidata, plain numbers
_PATH = re.compile(r"[./#:]+")


def texts_with_facts(
    item_texts: Sequence[str],
    triples: Triples,
    item_to_entity: IntArray,
    entity_names: Sequence[str],
    relation_names: Sequence[str],
    max_facts: int,
) -> list[str]:
    """Each item's text, followed by its facts: ``Heat (1995). director: Michael Mann. genre: Crime, Drama``.

    Facts read ``relation: entity, entity``. Where the item is the tail, the relation is read backwards:
    ``film.producer.film`` says "producer", a relation without such a path ("knows") says "knows of". The
    order does not depend on that of the triples: named entities before those known by an id alone, then
    relations with few facts about the item (a director tells more than one of forty actors), then names.

    Args:
        item_texts: ``I`` strings; empty ones are made of facts alone.
        triples: ``[T, 3]``.
        item_to_entity: ``[I]``, -1 = unlinked: the text stays as it is.
        entity_names: ``E`` names or ids; a type in front ("genre:Comedy") and the path of an address
            ("http://…/Toy_Story") are taken off.
        relation_names: ``R`` names or paths.
        max_facts: facts per item, in the order above; 0 = none.

    Returns:
        ``I`` strings.

    Raises:
        ValueError: lengths that do not fit, or ``max_facts`` below 0.
    """
    if len(item_texts) != len(item_to_entity):
        raise ValueError(f"{len(item_texts)} item texts, but {len(item_to_entity)} links")
    if max_facts < 0:
        raise ValueError(f"max_facts is {max_facts}, expected 0 or more")
    facts_of = _facts_by_entity(triples, item_to_entity, entity_names, relation_names)
    return [
        _join(text, _verbalise(facts_of.get(entity, set()), max_facts))
        for text, entity in zip(item_texts, item_to_entity.tolist(), strict=True)
    ]


Fact = tuple[bool, str, str]
"""Whether the entity is known by an id alone; relation; entity."""


def _facts_by_entity(
    triples: Triples, item_to_entity: IntArray, entity_names: Sequence[str], relation_names: Sequence[str]
) -> dict[int, set[Fact]]:
    """Facts of the linked entities, from both ends of a triple."""
    facts_of: dict[int, set[Fact]] = {int(entity): set() for entity in item_to_entity if entity >= 0}
    forward = [relation_name(name) for name in relation_names]
    backward = [_backward_name(name) for name in relation_names]
    linked = np.array(list(facts_of), dtype=np.int64)
    told = triples[np.isin(triples[:, 0], linked) | np.isin(triples[:, 2], linked)]
    for head, relation, tail in told.tolist():
        for subject, name, other in ((head, forward, tail), (tail, backward, head)):
            if subject in facts_of:
                facts_of[subject].add(_fact(name[relation], entity_names[other]))
    return facts_of


def _fact(relation: str, raw_entity: str) -> Fact:
    is_id, name = entity_name(raw_entity)
    return is_id, relation, name


def entity_name(raw_entity: str) -> tuple[bool, str]:
    """Whether an entity is known by an id alone, and its name without type or path of an address."""
    if "://" in raw_entity:
        raw_entity = _PATH.split(raw_entity.rstrip("/#"))[-1].replace("_", " ")
    return _ID.fullmatch(raw_entity) is not None, _TYPE_PREFIX.sub("", raw_entity)


def relation_name(relation: str) -> str:
    """``film.film.actor`` → "actor"."""
    return _segments(relation)[-1]


def _backward_name(relation: str) -> str:
    """``film.producer.film``, read from the film → "producer": the part before the last is a role."""
    segments = _segments(relation)
    return segments[-2] if len(segments) > 2 and "://" not in relation else f"{segments[-1]} of"


def _segments(relation: str) -> list[str]:
    return [part.replace("_", " ") for part in _PATH.split(relation) if part] or [relation]


def _verbalise(facts: set[Fact], max_facts: int) -> str:
    """``relation: entity, entity. relation: entity`` of the first ``max_facts`` facts."""
    sizes = Counter(fact[:2] for fact in facts)
    first = sorted(facts, key=lambda fact: (fact[0], sizes[fact[:2]], *fact[1:]))[:max_facts]
    groups = groupby(first, key=lambda fact: fact[:2])
    return ". ".join(f"{key[1]}: {', '.join(fact[2] for fact in group)}" for key, group in groups)


def _join(text: str, facts: str) -> str:
    if not text.strip() or not facts:
        return facts if facts else text
    stop = "" if text.rstrip().endswith((".", "!", "?")) else "."
    return f"{text.rstrip()}{stop} {facts}"
