"""A Horn rule over the relations of a graph, and its figures."""

from collections.abc import Sequence
from dataclasses import dataclass

_VARIABLES = {1: "xy", 2: "xzy", 3: "xzwy"}


@dataclass(frozen=True)
class Rule:
    r"""``head(x, y) <- body``; the body is a path from x to y, so the rule is closed and connected.

    The figures are those of `AMIE <https://doi.org/10.1145/2488388.2488425>`_ (Galárraga et al., WWW 2013,
    §4, "Mining model"), all over distinct pairs (x, y), with z what else the body binds:

    .. math::
        \mathrm{supp} = \#(x, y): \exists z: B \wedge h(x, y) \qquad
        \mathrm{hc} = \mathrm{supp} / \#(x, y): h(x, y)

        \mathrm{conf} = \mathrm{supp} / \#(x, y): \exists z: B \qquad
        \mathrm{conf}_{pca} = \mathrm{supp} / \#(x, y): \exists z, y': B \wedge h(x, y')

    The partial completeness assumption is that whoever knows one y of an x knows all. As in §3 ("Functions")
    a head with more distinct tails than heads is read from its tails: there the last one asks for an x' with
    h(x', y).

    Attributes:
        head: relation id in ``[0, R)``.
        body: one to three steps from x to y: relation ``r`` walked forwards, or ``r + R`` walked backwards.
        num_relations: R.
        support: of the rule.
        head_coverage, confidence, pca_confidence: in [0, 1].
    """

    head: int
    body: tuple[int, ...]
    num_relations: int
    support: int
    head_coverage: float
    confidence: float
    pca_confidence: float

    def text(self, relation_names: Sequence[str]) -> str:
        """``directed(x, y) <- wrote(x, y)``, with R names."""
        return f"{relation_names[self.head]}(x, y) <- {self.body_text(relation_names)}"

    def body_text(self, relation_names: Sequence[str]) -> str:
        """The body alone: ``made_by(x, z) & made_by(y, z)``."""
        variables = _VARIABLES[len(self.body)]
        atoms = []
        for step, start, end in zip(self.body, variables, variables[1:], strict=False):
            relation = relation_names[step % self.num_relations]
            first, second = (start, end) if step < self.num_relations else (end, start)
            atoms.append(f"{relation}({first}, {second})")
        return " & ".join(atoms)


def reversed_path(path: Sequence[int], num_relations: int) -> tuple[int, ...]:
    """The same path walked from its end to its start."""
    return tuple((step + num_relations) % (2 * num_relations) for step in reversed(path))


def path_steps(atoms: Sequence[tuple[int, str, str]], num_relations: int) -> tuple[int, ...]:
    """Steps of a body's atoms (relation, first variable, second variable), in the order of the path.

    An atom that begins with the variable which the path has reached is walked forwards. Empty for a number
    of atoms that no body has.
    """
    starts = _VARIABLES.get(len(atoms), "")
    return tuple(
        relation if first == start else relation + num_relations
        for (relation, first, _), start in zip(atoms, starts, strict=False)
    )
