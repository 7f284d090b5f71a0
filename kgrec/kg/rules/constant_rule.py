"""A Horn rule of which some arguments are constants."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Atom:
    """``relation(first, second)``; a term is a variable by its letter, or a constant by its node id."""

    relation: int
    first: str | int
    second: str | int

    @classmethod
    def of_step(cls, step: int, start: str | int, end: str | int, num_relations: int) -> "Atom":
        """The atom that a step from ``start`` to ``end`` walks: relation ``r``, or ``r + R`` backwards."""
        if step < num_relations:
            return cls(step, start, end)
        return cls(step - num_relations, end, start)

    def text(self, relation_names: Sequence[str], node_names: Sequence[str]) -> str:
        """``genre(x, "Comedy")``."""
        terms = (term if isinstance(term, str) else f'"{node_names[term]}"' for term in self._terms())
        return f"{relation_names[self.relation]}({', '.join(terms)})"

    def _terms(self) -> tuple[str | int, str | int]:
        return self.first, self.second


@dataclass(frozen=True)
class ConstantRule:
    """``head <- body``, where an atom's argument may be a constant; every variable stands in two atoms.

    The figures are those of :class:`kgrec.kg.rules.rule.Rule`, counted over the variables of the head: pairs
    (x, y), or x alone where the head is about a constant. There it is always x that the partial completeness
    assumption asks for what it knows: supp / #x: ∃ y': B ∧ h(x, y'), as the constant is known to have some x.

    Attributes:
        head: its atom.
        body: one or two atoms.
        support: of the rule.
        head_coverage, confidence, pca_confidence: in [0, 1].
    """

    head: Atom
    body: tuple[Atom, ...]
    support: int
    head_coverage: float
    confidence: float
    pca_confidence: float

    def text(self, relation_names: Sequence[str], node_names: Sequence[str]) -> str:
        """``genre(x, "Comedy") <- sequel(x, z) & genre(z, "Comedy")``, with R and N names."""
        body = " & ".join(atom.text(relation_names, node_names) for atom in self.body)
        return f"{self.head.text(relation_names, node_names)} <- {body}"
