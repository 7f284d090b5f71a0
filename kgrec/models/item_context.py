"""What the items' texts and graphs are made of, for a fusion that looks into them."""

import torch
from torch import Tensor, nn

from kgrec.kg.graph import Graph
from kgrec.nn.fusion.base import TokenContext
from kgrec.text.encoder import TextFeatures
from kgrec.text.tokens import TokenFeatures


class ItemContext(nn.Module):
    """Tokens and neighbours of the items; follows the model to its device, and learns nothing.

    Args:
        graph: what the graph network sees; facts alone are taken from it.
        text: with tokens where the encoder told them; else each text is a single token, its pooled features.
        max_neighbours: K at most.
        max_tokens: T at most.

    Attributes:
        tokens: ``[n, D_text]`` features of all tokens, those of one item after the other.
    """

    tokens: Tensor
    token_mask: Tensor
    edges: Tensor
    edge_mask: Tensor

    def __init__(self, graph: Graph, text: TextFeatures, max_neighbours: int, max_tokens: int) -> None:
        super().__init__()
        if isinstance(text, TokenFeatures):
            tokens, token_mask = text.tokens[:, :max_tokens], text.token_mask[:, :max_tokens]
        else:
            tokens, token_mask = text.embeddings.unsqueeze(1), text.has_text.unsqueeze(1)
        self.max_neighbours = max_neighbours
        edges, edge_mask = rarest_facts(graph, graph.item_nodes, fact_degrees(graph), max_neighbours)
        self.register_buffer("tokens", tokens[token_mask], persistent=False)
        self.register_buffer("token_mask", token_mask, persistent=False)
        self.register_buffer("edges", edges, persistent=False)
        self.register_buffer("edge_mask", edge_mask, persistent=False)

    def of_items(self, tokens: Tensor, nodes: Tensor, graph: Graph) -> TokenContext:
        """Context of all items.

        Args:
            tokens: ``[n, Dt]``, :attr:`tokens` in the space of the text features that are fused.
            nodes: ``[N, D]`` features of the graph's nodes.
            graph: the graph of this step; an edge of weight 0 is no fact.
        """
        padded = tokens.new_zeros(*self.token_mask.shape, tokens.shape[1])
        padded = padded.masked_scatter(self.token_mask.unsqueeze(2), tokens)
        mask = self.edge_mask
        if graph.edge_weight is not None:
            mask = mask & (graph.edge_weight[self.edges] > 0)
        return TokenContext(padded, self.token_mask, nodes[graph.edge_index[0, self.edges]], mask)

    def of_new_item(self, text: Tensor, nodes: Tensor, graph: Graph) -> TokenContext:
        """Context of the last item of ``graph``, whose text ``[1, Dt]`` counts as a single token."""
        edges, mask = rarest_facts(graph, graph.item_nodes[-1:], fact_degrees(graph), self.max_neighbours)
        one = torch.ones(1, 1, dtype=torch.bool)
        return TokenContext(text.unsqueeze(1), one, nodes[graph.edge_index[0, edges]], mask)


def fact_degrees(graph: Graph) -> Tensor:
    """``[N]``: number of facts of each node."""
    return torch.bincount(graph.edge_index[0, ~graph.is_interaction], minlength=graph.num_nodes)


def rarest_facts(graph: Graph, nodes: Tensor, degrees: Tensor, limit: int) -> tuple[Tensor, Tensor]:
    """Edges into each of ``nodes [n]`` that are facts, those from the rarest neighbours first.

    Args:
        graph: its facts.
        nodes: targets, no two alike.
        degrees: ``[N]`` number of facts of each node; ties in the order of the edges.
        limit: K, edges per node at most.

    Returns:
        ``[n, K']`` edge ids (0 where there is none) and their mask, K' ≤ K the most that a node has.
    """
    row_of = torch.full((graph.num_nodes,), -1)
    row_of[nodes] = torch.arange(len(nodes))
    edges = ((row_of[graph.edge_index[1]] >= 0) & ~graph.is_interaction).nonzero().squeeze(1)
    edges = edges[degrees[graph.edge_index[0, edges]].argsort(stable=True)]
    rows = row_of[graph.edge_index[1, edges]]
    order = rows.argsort(stable=True)
    edges, rows = edges[order], rows[order]
    counts = torch.bincount(rows, minlength=len(nodes))
    place = torch.arange(len(edges)) - (counts.cumsum(0) - counts)[rows]
    width = min(limit, int(counts.max())) if len(edges) else 0
    kept = place < width
    table, mask = (
        torch.zeros(len(nodes), width, dtype=torch.int64),
        torch.zeros(len(nodes), width, dtype=torch.bool),
    )
    table[rows[kept], place[kept]] = edges[kept]
    mask[rows[kept], place[kept]] = True
    return table, mask
