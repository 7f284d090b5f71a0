"""The part of a graph that messages into one node come from."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from kgrec.kg.graph import Graph


@dataclass(frozen=True)
class Neighbourhood:
    """A node with all from which a message reaches it in some steps.

    Attributes:
        graph: the nodes within reach, then one node that stands for all others, so that the out-degrees of
            those within reach, which normalisations ask for, are those of the whole. ``item_nodes`` holds
            the node itself, ``user_nodes`` nothing.
        nodes: ``[n]`` those within reach, by their id in the whole graph, ascending.
    """

    graph: Graph
    nodes: Tensor

    def features(self, x: Tensor) -> Tensor:
        """Rows ``[n + 1, D]`` of ``x [N, D]``; the node of all others has zeros."""
        return torch.cat([x[self.nodes], x.new_zeros(1, x.shape[1])])


def neighbourhood(graph: Graph, node: int, steps: int) -> Neighbourhood:
    """What a graph network of ``steps`` layers needs to embed ``node`` as it would in the whole graph.

    Exact for networks whose messages are weighed by what enters the target, what leaves the source and the
    number of all nodes; so are those of :mod:`kgrec.nn.sparse`.

    Args:
        graph: the whole.
        node: its id.
        steps: ≥ 1.
    """
    source, target = graph.edge_index
    within = torch.zeros(graph.num_nodes, dtype=torch.bool, device=source.device)
    within[node] = True
    for _ in range(steps):
        within[source[within[target]]] = True
    nodes = within.nonzero().squeeze(1)
    new_id = torch.full((graph.num_nodes,), len(nodes), device=source.device)  # the node of all others
    new_id[nodes] = torch.arange(len(nodes), device=source.device)
    leaving = within[source]
    part = replace(
        graph,
        edge_index=new_id[graph.edge_index[:, leaving]],
        edge_type=graph.edge_type[leaving],
        num_nodes=len(nodes) + 1,
        user_nodes=graph.user_nodes[:0],
        item_nodes=new_id[node : node + 1],
        has_kg=graph.has_kg[:0],
        edge_weight=None if graph.edge_weight is None else graph.edge_weight[leaving],
        whole=graph.num_nodes,
    )
    return Neighbourhood(part, nodes)


def with_new_item(graph: Graph, kept: Tensor, facts: Tensor) -> Graph:
    """The graph with one item more, as its last node.

    Args:
        graph: a part of a whole, see :func:`kgrec.kg.graph.kept_nodes`.
        kept: ``[N]`` id in the whole of each node of the part.
        facts: ``[F, 2]`` relation of an edge into the item, and node of the whole that it comes from; those
            from nodes that the part lacks are left out.
    """
    known = torch.full((int(kept.max()) + 1,), -1)
    known[kept] = torch.arange(len(kept))
    sources = known[facts[:, 1].clamp(max=len(known) - 1)]
    seen = (sources >= 0) & (facts[:, 1] < len(known))
    into = torch.stack([sources[seen], torch.full_like(sources[seen], graph.num_nodes)])
    return replace(
        graph,
        edge_index=torch.cat([graph.edge_index, into], dim=1),
        edge_type=torch.cat([graph.edge_type, facts[seen, 0]]),
        num_nodes=graph.num_nodes + 1,
        item_nodes=torch.cat([graph.item_nodes, graph.item_nodes.new_tensor([graph.num_nodes])]),
    )
