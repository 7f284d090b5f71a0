"""KGRec's attention over facts: how much each tells about the node that it leads to."""

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kgrec.kg.graph import Graph
from kgrec.nn.csr import SparseMatrix, SparseStructure
from kgrec.nn.edge_attention import edge_scores, edge_softmax
from kgrec.nn.glorot import glorot
from kgrec.nn.gnn.compgcn import Multiplication
from kgrec.nn.sparse import graph_structure


class FactEdges:
    """The facts of a graph, in both directions, with their patterns.

    Args:
        graph: with its interactions, which are left out.

    Attributes:
        graph: facts only; nodes and relation ids are those of the whole.
        incoming, outgoing: ``[N, E]`` the facts that lead to, and from, each node.
    """

    def __init__(self, graph: Graph) -> None:
        facts = ~graph.is_interaction
        self.graph = replace(graph, edge_index=graph.edge_index[:, facts], edge_type=graph.edge_type[facts])
        self.source, self.target = self.graph.edge_index
        self.groups = graph_structure(self.graph).relation_groups
        edges = torch.arange(self.graph.num_edges, device=self.target.device)
        shape = (graph.num_nodes, self.graph.num_edges)
        self.incoming = SparseStructure.build(self.target, edges, shape)
        self.outgoing = SparseStructure.build(self.source, edges, shape)

    @property
    def num_edges(self) -> int:
        """E."""
        return self.graph.num_edges

    def mean_of_nodes(self, values: Tensor, weights: Tensor) -> Tensor:
        """``[N]``: mean of ``values [E]`` into and mean out of each node, averaged; 1 for a missing one.

        Args:
            values: ``[E]``, 0 where the weight is.
            weights: ``[E]`` 1 = present, 0 = absent.
        """
        columns = torch.stack([values, weights], dim=1)
        means = []
        for pattern in (self.incoming, self.outgoing):
            total, count = (pattern.ones() @ columns).unbind(dim=1)
            means.append(torch.where(count > 0, total / count.clamp(min=1), 1.0))
        return (means[0] + means[1]) / 2


class FactAttention(nn.Module):
    r"""Sums of neighbours along facts, weighted by an attention with H heads (KGRec, §3.1).

    .. math::
        f(i, r, j) = \frac{\langle W x_i, W x_j \odot z_r \rangle}{\sqrt{D / H}}, \qquad
        y_i = \sum_{(r, j)} \mathrm{softmax}_i(f)\, z_r \odot x_j

    each head with its own D / H numbers of every vector. z_r may stand beside i as well as beside j, so it is
    multiplied once for each target and relation.

    Args:
        dim: D, a multiple of H.
        num_relations: R.
        num_heads: H.
    """

    def __init__(self, dim: int, num_relations: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.relations = glorot(num_relations, dim)
        self.queries = glorot(dim, dim)

    def forward(self, x: Tensor, facts: FactEdges, weights: Tensor) -> Tensor:
        """``[N, D]``: y of ``x [N, D]``; a fact of weight 0 in ``weights [E]`` is as good as absent."""
        parts = [
            SparseMatrix(facts.groups.sources, edge_softmax(scores, facts.incoming, facts.target, weights))
            @ part
            for scores, part in zip(self.scores(x, facts), x.chunk(self.num_heads, dim=1), strict=True)
        ]
        return facts.groups.targets.ones() @ (torch.cat(parts, dim=1) * self._of_group(facts))

    def scores(self, x: Tensor, facts: FactEdges) -> list[Tensor]:
        """Scores f ``[E]`` of each head."""
        mapped = x @ self.queries
        left = (facts.groups.targets.transpose().ones() @ mapped) * self._of_group(facts)
        heads = zip(left.chunk(self.num_heads, dim=1), mapped.chunk(self.num_heads, dim=1), strict=True)
        scale = (x.shape[1] / self.num_heads) ** -0.5
        return [edge_scores(facts.groups.sources, rows, columns) * scale for rows, columns in heads]

    @torch.no_grad()
    def rationale(self, x: Tensor, facts: FactEdges, weights: Tensor) -> Tensor:
        """γ ``[E]``: softmax of the mean score, times the facts of the target; 0 for absent facts."""
        scores = torch.stack(self.scores(x, facts)).mean(dim=0)
        counts = SparseMatrix(facts.incoming, weights).row_sums()
        return edge_softmax(scores, facts.incoming, facts.target, weights) * counts[facts.target]

    def unweighted(self, x: Tensor, facts: FactEdges, weights: Tensor) -> Tensor:
        """``[N, D]``: Σ w z_r ⊙ x_j, without attention."""
        return Multiplication().aggregate(x, self.relations, facts.graph, weights)

    def foretold(self, x: Tensor, facts: FactEdges, edges: Tensor) -> Tensor:
        """``[m]``: ⟨x_i, z_r ⊙ x_j⟩ of the facts ``edges [m]``."""
        heads, tails = (F.embedding(ends[edges], x) for ends in (facts.target, facts.source))
        return (heads * tails * F.embedding(facts.graph.edge_type[edges], self.relations)).sum(dim=1)

    def _of_group(self, facts: FactEdges) -> Tensor:
        return facts.groups.relations.ones() @ self.relations
