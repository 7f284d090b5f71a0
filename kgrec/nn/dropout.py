"""What a graph recommender leaves out while it trains."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from kgrec.errors import InputError


@dataclass(frozen=True)
class GraphDropout:
    """Which edges and numbers are left out in a training step, drawn from torch's global generator.

    Attributes:
        edges: probability in [0, 1) that an edge is left out.
        messages: probability in [0, 1) that a number of a layer's output is left out.
        interactions: as ``edges``, of interactions, where these are other than facts; ``None`` = the same.

    Raises:
        InputError: outside [0, 1).
    """

    edges: float
    messages: float
    interactions: float | None = None

    def __post_init__(self) -> None:
        for name in ("edges", "messages", "interactions"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < 1:
                raise InputError(f"model.dropout.{name}: found {value}, expected a probability in [0, 1)")

    def kept_edges(self, num_edges: int, device: torch.device) -> Tensor | None:
        """``[num_edges]`` mask of the edges that stay; ``None`` where all do."""
        return _kept(num_edges, self.edges, device)

    def kept_interactions(self, count: int, device: torch.device) -> Tensor | None:
        """``[count]`` mask of the interactions that stay; ``None`` where all do."""
        return _kept(count, self.edges if self.interactions is None else self.interactions, device)

    def dropped_messages(self, messages: Tensor) -> Tensor | None:
        """Positions in the flattened ``messages`` of the numbers left out; ``None`` where none are."""
        return drop_positions(messages.numel(), self.messages, messages.device) if self.messages else None


def _kept(size: int, probability: float, device: torch.device) -> Tensor | None:
    return torch.rand(size, device=device) >= probability if probability else None


def drop_positions(size: int, probability: float, device: torch.device) -> Tensor:
    """Ascending positions in ``[0, size)``, each there with ``probability`` > 0, independently.

    Drawn as the geometric gaps between them: on a CPU one random number per entry, as a dropout takes, would
    cost more than a layer of a graph network. torch's generator gives the seed.
    """
    rng = np.random.Generator(np.random.SFC64(int(torch.randint(2**62, ()))))
    expected = size * probability
    gaps = rng.geometric(probability, size=int(expected + 8 * expected**0.5 + 16))
    positions = np.cumsum(gaps) - 1
    return torch.from_numpy(positions[: np.searchsorted(positions, size)]).to(device)


def message_dropout(x: Tensor, probability: float) -> Tensor:
    """``F.dropout(x, probability)`` by :func:`drop_positions`; ``x`` itself where the probability is 0."""
    if not probability:
        return x
    positions = drop_positions(x.numel(), probability, x.device)
    return (x / (1 - probability)).view(-1).index_fill(0, positions, 0.0).view_as(x)
