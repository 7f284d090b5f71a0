"""What a training step of the hybrid hides."""

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from kgrec.errors import InputError
from kgrec.kg.graph import Graph
from kgrec.seed import stream_seed


@dataclass(frozen=True)
class Hiding:
    """What a training step hides, so that the model learns to do without; all are shares in [0, 1).

    Attributes:
        items: items that play cold: their interactions leave the graph, and they are ranked among
            themselves. 0 = items are trained warm, and all compete.
        graphs: items whose whole graph is hidden, so that their text must do.
        facts: edges of the graph.
        text: dimensions of the text features.
    """

    items: float
    graphs: float
    facts: float
    text: float

    def __post_init__(self) -> None:
        for field in fields(self):
            share = getattr(self, field.name)
            if not 0 <= share < 1:
                raise InputError(f"model.hiding.{field.name}: found {share}, expected a share in [0, 1)")

    def competing(self, warm_items: Tensor, stream: int, step: int) -> Tensor:
        """``[I]``: the items ranked in a step, the same on every process: those that play cold, if any.

        Args:
            warm_items: ``[I]`` bool, those with training interactions.
            stream: seed of the training's draws.
            step: counted from its beginning.
        """
        if self.items == 0:
            return warm_items
        generator = torch.Generator().manual_seed(stream_seed(stream, "cold items", step))
        draw = torch.rand(len(warm_items), generator=generator).to(warm_items.device)
        return warm_items & (draw < self.items)

    def thinned(self, graph: Graph, cold: Tensor) -> Graph:
        """The graph without a share of its edges, and without the interactions of cold items ``[I]``."""
        device = graph.edge_index.device
        weight = torch.ones(graph.num_edges, device=device)
        if self.facts > 0:
            half = graph.num_edges // 2  # an edge and its inverse, half the list apart, leave together
            weight = weight * (torch.rand(half, device=device) >= self.facts).repeat(2)
        hidden = torch.zeros(graph.num_nodes, dtype=torch.bool, device=device)
        hidden[graph.item_nodes] = cold
        touches = hidden[graph.edge_index].any(dim=0)
        return graph.with_edge_weight(weight.masked_fill(touches & graph.is_interaction, 0.0))
