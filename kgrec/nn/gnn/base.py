"""What every graph network offers."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from kgrec.errors import InputError
from kgrec.kg.graph import Graph


class GNN(nn.Module, ABC):
    """A graph network: node features in, node features out.

    A config decides the hyperparameters (``_partial_: true``); the data decides the two sizes:
    ``network(in_dim, num_relations)``.

    Args:
        in_dim: width of the input features.
        num_relations: R, inverses and interactions included.
        out_dim: width of the output features.

    Attributes:
        out_dim: width of the output features.
    """

    def __init__(self, in_dim: int, num_relations: int, *, out_dim: int) -> None:
        super().__init__()
        if in_dim < 1 or num_relations < 0:
            raise ValueError(f"in_dim {in_dim}, num_relations {num_relations}; expected ≥ 1 and ≥ 0")
        self.in_dim = in_dim
        self.num_relations = num_relations
        self.out_dim = out_dim

    @property
    def reach(self) -> int | None:
        """Steps of messages, if a :func:`~kgrec.kg.neighbourhood.neighbourhood` of so many is enough.

        ``None`` where it is not: what a node becomes may then hang on the whole graph.
        """
        return None

    @abstractmethod
    def forward(self, x: Tensor, graph: Graph) -> Tensor:
        """Node features ``[N, in_dim]`` to ``[N, out_dim]``; an edge of weight 0 counts as absent."""

    def at(self, x: Tensor, graph: Graph, nodes: Tensor) -> Tensor:
        """Features of ``nodes [n]`` alone, ``[n, out_dim]``, each named once.

        A network that need not compute all others for them says so by overriding this.
        """
        return self(x, graph)[nodes]

    def relation_weights(self) -> Tensor | None:
        """``[R]`` how strongly each relation's messages count, on a scale of the network's own.

        ``None`` where one number per relation would say nothing, or relations are not told apart.
        """
        return None

    def check_inputs(self, x: Tensor, graph: Graph) -> None:
        """Refuse features or a graph of other sizes than the network was built for.

        Raises:
            ValueError: with the sizes found and expected.
        """
        expected = (graph.num_nodes, self.in_dim)
        if tuple(x.shape) != expected:
            raise ValueError(f"node features {tuple(x.shape)}, expected [N, in_dim] = {expected}")
        if graph.num_relations != self.num_relations:
            raise ValueError(f"graph has {graph.num_relations} relations, expected {self.num_relations}")


def check_layers(num_layers: int) -> int:
    """``num_layers`` if it is one a network can have.

    Raises:
        InputError: less than 1.
    """
    if num_layers < 1:
        raise InputError(f"gnn.num_layers is {num_layers}; expected ≥ 1 (gnn=identity has no layer)")
    return num_layers


def check_width(name: str, width: int) -> int:
    """``width`` if it is one a network can have.

    Raises:
        InputError: less than 1.
    """
    if width < 1:
        raise InputError(f"gnn.{name} is {width}; expected ≥ 1")
    return width


def check_dropout(dropout: float) -> float:
    """``dropout`` if it is a probability below 1.

    Raises:
        InputError: outside [0, 1).
    """
    if not 0 <= dropout < 1:
        raise InputError(f"gnn.dropout is {dropout}; expected a probability in [0, 1)")
    return dropout
