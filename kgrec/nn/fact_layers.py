"""The knowledge graph as layers of shrinking neighbourhoods around the items."""

import torch
from torch import Tensor

from kgrec.kg.graph import Graph
from kgrec.nn.csr import SparseStructure
from kgrec.nn.relational import Buffers, KeptEdges, RelationalEdges


class FactLayers:
    """Which facts each of L layers needs, where only items are read at the end.

    The last layer needs the facts of items, the one before also those of their neighbours, and so on: layer
    l = 1 … L reads nodes within L − l + 1 hops of an item and writes those within L − l. Nodes are numbered
    anew so that each of these is a prefix: items (in their order), then by hop, neighbours of one item side
    by side, so that what is added up lies close together in memory. Entities beyond L hops have no place.

    Args:
        graph: facts in both directions, and interactions.
        num_layers: L ≥ 1.

    Attributes:
        node_ids: ``[n]`` node of ``graph`` at each place.
        num_relations: relations of facts, inverses included: those of the graph but for the interactions,
            in their order.
        num_edges: facts of the first layer, in both directions.
        interactions: ``[U, I]`` where training interactions are.
        all_interactions: the matrix of them, each 1.
        source, target, relation: ``[num_edges]`` places of a fact's ends, and its relation.
    """

    def __init__(self, graph: Graph, num_layers: int) -> None:
        facts = ~graph.is_interaction
        self.node_ids, places, counts = _by_distance(graph, facts, num_layers)
        half = graph.num_relations // 2
        source, target = places[graph.edge_index[:, facts]]
        relation = graph.edge_type[facts]
        within = (target >= 0) & (target < counts[-2])
        self.source, self.target = source[within], target[within]
        # The two directions of an interaction are the last ids of their halves.
        self.relation = (relation - (relation >= half).long())[within]
        self.num_relations = graph.num_relations - 2
        self.num_edges = len(self.source)
        shape = (len(graph.user_nodes), graph.num_items)
        self.interactions = SparseStructure.build(*train_pairs(graph), shape)
        self.all_interactions = self.interactions.ones()
        self._buffers = Buffers()
        self._edges: list[Tensor] = []
        self._layers: list[RelationalEdges] = []
        for layer in range(num_layers):
            self._add_layer(num_targets=counts[-2 - layer], num_sources=counts[-1 - layer])

    def layers(self, keep: Tensor | None = None) -> list[KeptEdges]:
        """Edges of each layer, the first to be computed first.

        Args:
            keep: ``[num_edges]`` mask of the facts that are not dropped; ``None`` = all.
        """
        kept: dict[int, KeptEdges] = {}
        for edges, layer in zip(self._edges, self._layers, strict=True):
            if id(layer) not in kept:
                kept[id(layer)] = layer.kept(None if keep is None else keep.index_select(0, edges))
        return [kept[id(layer)] for layer in self._layers]

    def _add_layer(self, num_targets: int, num_sources: int) -> None:
        sizes = (num_targets, num_sources, self.num_relations)
        if self._layers and self._layers[-1].sizes == sizes:  # no new neighbour this far out: the same layer
            self._edges.append(self._edges[-1])
            self._layers.append(self._layers[-1])
            return
        edges = torch.nonzero(self.target < num_targets).squeeze(1)
        source, target, relation = (ids[edges] for ids in (self.source, self.target, self.relation))
        self._edges.append(edges)
        self._layers.append(RelationalEdges(source, target, relation, sizes, self._buffers))


def _by_distance(graph: Graph, facts: Tensor, num_layers: int) -> tuple[Tensor, Tensor, list[int]]:
    """Nodes in the order of their places, the place of each node (-1 = none), nodes within 0 … L hops."""
    source, target = graph.edge_index[:, facts]
    places = torch.full((graph.num_nodes,), -1, device=source.device)
    places[graph.item_nodes] = torch.arange(graph.num_items, device=source.device)
    order, counts = [graph.item_nodes], [graph.num_items]
    for _ in range(num_layers):
        reaches = (places[source] >= 0) & (places[target] < 0)
        first = torch.full_like(places, graph.num_nodes)
        first.scatter_reduce_(0, target[reaches], places[source[reaches]], "amin")
        new = torch.unique(target[reaches])
        new = new[torch.argsort(first[new], stable=True)]
        places[new] = torch.arange(len(new), device=new.device) + counts[-1]
        order.append(new)
        counts.append(counts[-1] + len(new))
    return torch.cat(order), places, counts


def train_pairs(graph: Graph) -> tuple[Tensor, Tensor]:
    """User ``[n]`` and item ``[n]`` of each interaction."""
    user, item = graph.edge_index[:, graph.edge_type == graph.num_relations // 2 - 1]
    places = torch.full((graph.num_nodes,), -1, device=user.device)
    places[graph.user_nodes] = torch.arange(len(graph.user_nodes), device=user.device)
    places[graph.item_nodes] = torch.arange(graph.num_items, device=user.device)
    return places[user], places[item]
