"""Numbers and dates of the graph as columns of the items: what models read beside facts and text."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor

from kgrec.kg.arms.base import GraphArm
from kgrec.shapes import BoolArray, FloatArray, IntArray, Triples


def _as_is(values: FloatArray, seen: FloatArray) -> FloatArray:
    return values


def _log(values: FloatArray, seen: FloatArray) -> FloatArray:
    return np.sign(values) * np.log1p(np.abs(values))


def _quantile(values: FloatArray, seen: FloatArray) -> FloatArray:
    """Share of ``seen`` below the value, half of the equal ones counted; linear in between."""
    distinct, counts = np.unique(seen, return_counts=True)
    return np.interp(values, distinct, (np.cumsum(counts) - counts / 2) / len(seen))


SCALES: Mapping[str, Callable[[FloatArray, FloatArray], FloatArray]] = MappingProxyType(
    {"linear": _as_is, "log": _log, "quantile": _quantile}
)
r"""Name → what is done to values before they are standardised, given those of warm items.

``linear`` leaves them: years, grades. ``log`` (:math:`\mathrm{sign}(x) \ln(1 + |x|)`) is for amounts that
differ by factors, such as budgets and populations, of which a few large ones would otherwise be the whole
spread. ``quantile`` takes the rank among warm items, for a distribution that nobody has looked at: no outlier
weighs more than another item, but how far apart two values lie is lost.
"""


@dataclass(frozen=True)
class NumericFacts:
    """What the graph says in numbers of the entities that items link to.

    Attributes:
        names: A attributes: the relations that give numbers.
        scales: of each, a name in :data:`SCALES`.
        facts: ``[n, 2]`` entity id, attribute.
        values: ``[n]``; an entity may have several of one attribute, of which the mean counts.
    """

    names: tuple[str, ...]
    scales: tuple[str, ...]
    facts: IntArray
    values: FloatArray

    def under(
        self, arm: GraphArm, triples: Triples, item_to_entity: IntArray, seed: int
    ) -> tuple["NumericFacts", IntArray]:
        """The numbers and the links as a graph arm has them.

        The arm does to numbers what it does to facts: each is a triple whose tail is a node of its own, so
        that, say, ``rewired`` permutes the values of an attribute and ``dropped`` leaves out a share of them.
        Links are those that the arm makes of the graph itself.

        Args:
            arm: the arm.
            triples: ``[T, 3]`` of the graph.
            item_to_entity: ``[I]``, -1 where unlinked.
            seed: the run's seed.
        """
        _, links = arm(triples, item_to_entity, seed)
        first = int(max(triples[:, [0, 2]].max(initial=-1), item_to_entity.max(initial=-1))) + 1
        tails = first + np.arange(len(self.values))
        numbers, _ = arm(np.stack([*self.facts.T, tails], axis=1), item_to_entity, seed)
        facts, rows = numbers[:, :2], numbers[:, 2] - first
        return NumericFacts(self.names, self.scales, facts, self.values[rows]), links

    def of_items(self, item_to_entity: IntArray) -> FloatArray:
        """``[I, A]`` values, NaN where an item has none."""
        num_entities = int(max(item_to_entity.max(initial=-1), self.facts[:, 0].max(initial=-1))) + 1
        sums, counts = np.zeros((2, num_entities + 1, len(self.names)))
        np.add.at(sums, tuple(self.facts.T), self.values)
        np.add.at(counts, tuple(self.facts.T), 1)
        table = np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)
        return table[item_to_entity]  # the last row, which -1 is, has no number


@dataclass(frozen=True)
class ItemAttributes:
    r"""Numeric attributes of items as standardised columns, the statistics of warm items alone.

    Two columns for each attribute: :math:`(f(v) - \mu) / \sigma`, 0 where the item has no value, and whether
    it has one, standardised alike. All are divided by the root of their number, so that a row has an expected
    squared length of at most 1, as text and facts do. Values beyond those of warm items count as the nearest
    of theirs. What is the same for all warm items tells nothing and is left out.

    A map of these columns is linear in the value: it tells long films from short ones, and not those of the
    nineties from all others. For that the bins of :func:`kgrec.kg.literals.quantile_bins` may join the graph
    as well.

    Attributes:
        names: of the columns: the attribute, and ``has <attribute>``.
        columns: ``[I, C]`` float32.
        unknown: ``[C]`` the row of an item of which no number is known.
        has_any: ``[I]`` whether an item has a number.
    """

    names: tuple[str, ...]
    columns: Tensor
    unknown: Tensor
    has_any: Tensor

    @classmethod
    def of(cls, facts: NumericFacts, item_to_entity: IntArray, warm: BoolArray) -> "ItemAttributes":
        """The columns of the items that ``item_to_entity [I]`` links; ``warm [I]`` decide the statistics."""
        values = facts.of_items(item_to_entity)
        names: list[str] = []
        columns = [np.empty((len(values) + 1, 0))]
        for name, scale, column in zip(facts.names, facts.scales, values.T, strict=True):
            known = np.append(~np.isnan(column), False)  # the last row: an item of which nothing is known
            seen = np.append(warm, False) & known
            scaled = _scaled(np.append(column, np.nan), seen, scale)
            for title, part, rows in (
                (name, np.where(known, scaled, np.nan), seen),
                (f"has {name}", known.astype(np.float64), np.append(warm, False)),
            ):
                if (standard := _standardised(part, rows)) is not None:
                    names.append(title)
                    columns.append(standard[:, None])
        table = np.concatenate(columns, axis=1) / max(1, len(names)) ** 0.5
        rows = torch.from_numpy(table).float()
        has_any = torch.from_numpy(~np.isnan(values).all(axis=1))
        return cls(tuple(names), rows[:-1], rows[-1], has_any)


def _scaled(values: FloatArray, seen: BoolArray, scale: str) -> FloatArray:
    """Values ``[n]`` on their scale, those beyond the ones of ``seen [n]`` at the nearest of these."""
    if not seen.any():
        return values
    known = values[seen]
    return SCALES[scale](np.clip(values, known.min(), known.max()), known)


def _standardised(values: FloatArray, seen: BoolArray) -> FloatArray | None:
    """Values to mean 0 and deviation 1 over ``seen [n]``, NaN to 0; ``None`` where all of these are equal."""
    known = values[seen]
    deviation = known.std() if len(known) else 0.0
    if deviation <= 1e-9 * max(1.0, np.abs(known).max(initial=0.0)):
        return None
    return np.nan_to_num((values - known.mean()) / deviation)


def described(facts: NumericFacts, item_to_entity: IntArray) -> str:
    """How many items have a number of each attribute, in words."""
    known = ~np.isnan(facts.of_items(item_to_entity))
    counts: Sequence[int] = known.sum(axis=0).tolist()
    told = zip(facts.names, facts.scales, counts, strict=True)
    each = ", ".join(f"{name} ({scale}) of {count:,}" for name, scale, count in told)
    return f"numeric attributes: {each or 'none'}; {int(known.any(axis=1).sum()):,} of {len(known):,} items"
