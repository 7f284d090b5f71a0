"""What a trained model can tell about itself beside its scores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from torch import Tensor

from kgrec.kg.graph import Graph


@dataclass(frozen=True)
class Diagnostics:
    """Numbers that say how a model uses what it is given; empty for one that has none.

    Attributes:
        of_items: name → ``[I]``, one number per item, NaN where it has none: e.g. how much of it is graph.
        of_relations: name → relations and a number of each: e.g. the length of its vector.
    """

    of_items: Mapping[str, Tensor] = field(default_factory=dict)
    of_relations: Mapping[str, Sequence[tuple[str, float]]] = field(default_factory=dict)

    @classmethod
    def of(cls, of_items: Mapping[str, Tensor | None], relation_weights: Tensor | None, graph: Graph) -> Self:
        """Of parts that may have nothing to tell.

        Args:
            of_items: as the attribute, ``None`` for what there is not.
            relation_weights: ``[R]``, or ``None``.
            graph: its relations; those without an edge are left out, as nothing has trained their weight.
        """
        weights = {}
        if relation_weights is not None and graph.num_edges:
            present = graph.edge_type.unique().tolist()
            values = relation_weights.tolist()
            weights["relation_weights"] = [(graph.relation_names[one], values[one]) for one in present]
        items = {name: values for name, values in of_items.items() if values is not None}
        return cls(items, weights)
