"""Attention over edges: scores of pairs at a sparse pattern, and a softmax over each node's edges."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from kgrec.nn.csr import SparseMatrix, SparseStructure


def edge_scores(structure: SparseStructure, rows: Tensor, columns: Tensor) -> Tensor:
    """``[E]``: ⟨rows[row of e], columns[column of e]⟩ at each entry e of a pattern, and nowhere else.

    Args:
        structure: ``[n, m]`` pattern of E entries.
        rows: ``[n, D]``.
        columns: ``[m, D]``.
    """
    scores: Tensor = _EdgeScores.apply(rows.contiguous(), columns.contiguous(), structure)
    return scores


class _EdgeScores(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, columns: Tensor, structure: SparseStructure) -> Tensor:
        ctx.structure = structure
        ctx.save_for_backward(rows, columns)
        layout = structure.by_row
        pattern = layout.csr(rows.new_zeros(len(layout.order)))
        sampled = torch.sparse.sampled_addmm(pattern, rows, columns.t()).values()
        scores = torch.empty_like(sampled)
        scores[layout.order] = sampled
        return scores

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        rows, columns = ctx.saved_tensors
        matrix = SparseMatrix(ctx.structure, grad)
        return matrix @ columns, matrix.transpose() @ rows, None


def edge_softmax(scores: Tensor, edges_of_node: SparseStructure, target: Tensor, weights: Tensor) -> Tensor:
    r"""``[E]``: :math:`w_e e^{s_e} / \sum_{e'} w_{e'} e^{s_{e'}}` over the edges with the same target.

    An edge of weight 0 is as good as absent; a node whose edges all are has attention 0.

    Args:
        scores: ``[E]`` s.
        edges_of_node: ``[N, E]`` the edges that arrive at each node.
        target: ``[E]`` target of each edge.
        weights: ``[E]`` w ≥ 0.
    """
    ones = edges_of_node.ones()
    largest = scores.new_full((ones.shape[0],), -torch.inf)
    largest = largest.scatter_reduce(0, target, scores.detach(), "amax")
    powers = weights * torch.exp(scores - largest[target])
    totals = ones @ powers.unsqueeze(1)
    # A product instead of totals[target], whose gradient would be a scatter.
    of_edge = (ones.transpose() @ totals).squeeze(1)
    return powers / of_edge.masked_fill(of_edge == 0, 1.0)
