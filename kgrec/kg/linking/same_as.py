"""owl:sameAs: a given link leads to a name without facts, which is another name of an entity with facts."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from kgrec.kg.linking.base import LinkTask, candidates


@dataclass(frozen=True)
class SameAsClasses:
    """Names that mean the same thing.

    Attributes:
        class_of: name → number of its class, for every name in an owl:sameAs triple.
        members: number → its names, in file order.
        cycles: names that lead back to themselves over the triples as they are directed, by cycle.
    """

    class_of: dict[str, int]
    members: list[list[str]]
    cycles: list[list[str]]


def same_as_classes(triples: pl.DataFrame) -> SameAsClasses:
    """Close owl:sameAs triples ``head, tail``, which are read in both directions and from one to the next.

    A cycle, which a program that follows the triples one by one would run round for ever, adds nothing to
    its class: every name is visited once.
    """
    names = pl.concat([triples["head"], triples["tail"]]).unique(maintain_order=True).to_list()
    if not names:
        return SameAsClasses({}, [], [])
    index = {name: position for position, name in enumerate(names)}
    heads, tails = ([index[name] for name in triples[end]] for end in ("head", "tail"))
    joined = sparse.csr_matrix((np.ones(len(heads)), (heads, tails)), shape=(len(names), len(names)))
    _, weak = connected_components(joined, directed=False)
    _, strong = connected_components(joined, connection="strong")
    loops = {name for name, head, tail in zip(triples["head"], heads, tails, strict=True) if head == tail}
    cycles = [group for group in _grouped(names, strong) if len(group) > 1 or group[0] in loops]
    members = _grouped(names, weak)
    return SameAsClasses(
        {name: number for number, group in enumerate(members) for name in group}, members, cycles
    )


class SameAs:
    """Follows owl:sameAs from a given link to the entities with facts; several of them are ambiguous."""

    name = "same_as"
    is_certain = True

    def __call__(self, task: LinkTask) -> pl.DataFrame:
        """See :class:`kgrec.kg.linking.base.LinkMethod`."""
        classes = same_as_classes(task.graph.same_as)
        with_facts = set(task.graph.entities)
        rows = [
            (item, other, 1.0)
            for item, entity in task.items.given.select("item", "entity").iter_rows()
            if entity in classes.class_of
            for other in classes.members[classes.class_of[entity]]
            if other in with_facts
        ]
        return candidates(rows)


def _grouped(names: list[str], labels: np.ndarray) -> list[list[str]]:
    """Names by label, groups in the order of their first name."""
    groups: dict[int, list[str]] = {}
    for name, label in zip(names, labels.tolist(), strict=True):
        groups.setdefault(label, []).append(name)
    return list(groups.values())
