"""Relations as translations: how plausible a triple (head, relation, tail) is.

TransE (Bordes et al., NeurIPS 2013) wants ``h + r ≈ t``; TransR (Lin et al., AAAI 2015) wants it in a space
of the relation's own.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from kgrec.errors import InputError

_SMALLEST_SQUARE = 1e-24  # as torch's normalize, whose smallest length is 1e-12


class TransR(nn.Module):
    r"""Distances of triples in their relation's space.

    From `Learning Entity and Relation Embeddings for Knowledge Graph Completion
    <https://ojs.aaai.org/index.php/AAAI/article/view/9491>`_ (Lin et al., AAAI 2015, §3, eqs. 8 and 9):

    .. math:: d(h, r, t) = \lVert W_r^T h + r - W_r^T t \rVert^2

    Triples come ordered by relation, so each relation's rows are multiplied by its matrix once:
    B × D × K products, and never a tensor ``[B, D, K]`` of one matrix per triple.

    Args:
        num_relations: R.
        entity_dim: D.
        relation_dim: K ≥ 1, width of the relations' spaces.
        normalize: True = the three vectors are scaled to length 1 after projection. The paper bounds the
            lengths by 1 instead.

    Raises:
        InputError: ``relation_dim`` < 1.
    """

    def __init__(self, num_relations: int, entity_dim: int, *, relation_dim: int, normalize: bool) -> None:
        super().__init__()
        if relation_dim < 1:
            raise InputError(
                f"model.translation.relation_dim: found {relation_dim}, expected a whole number >= 1"
            )
        self.normalize = normalize
        self.relations = nn.Parameter(torch.empty(num_relations, relation_dim))
        self.projections = nn.Parameter(torch.empty(num_relations, entity_dim, relation_dim))
        nn.init.xavier_normal_(self.relations)
        nn.init.normal_(self.projections, std=(2 / (entity_dim + relation_dim)) ** 0.5)

    def forward(self, entities: Tensor, relations: Tensor, relation_counts: Sequence[int]) -> Tensor:
        """Squared distances ``[B, C]`` of B heads to C tails each.

        Args:
            entities: ``[B, 1 + C, D]`` embeddings of a head and its tails.
            relations: ``[B]`` relation of each head, ascending.
            relation_counts: R numbers: how often each relation occurs in ``relations``.
        """
        shift = F.embedding(relations, self.relations).unsqueeze(1)
        return translation_distances(
            torch.cat([shift, self.project(entities, relation_counts)], dim=1), normalize=self.normalize
        )

    def project(self, entities: Tensor, relation_counts: Sequence[int]) -> Tensor:
        """``[B, ..., D]``, ordered by relation, to ``[B, ..., K]``."""
        width = entities[0].numel() // entities.shape[-1] if len(entities) else 1
        rows = entities.reshape(-1, entities.shape[-1])
        projected = grouped_product(rows, self.projections, [count * width for count in relation_counts])
        return projected.view(*entities.shape[:-1], -1)


def translation_distances(vectors: Tensor, *, normalize: bool) -> Tensor:
    r"""Squared distances :math:`\lVert h + r - t \rVert^2`, ``[B, C]``, from inner products alone.

    Scaling vectors to length 1 is then a division of a few numbers per triple, not of K for each vector;
    it halves the time of a training step.

    Args:
        vectors: ``[B, 2 + C, K]``: r, h, then C tails.
        normalize: True = of the vectors scaled to length 1; a vector of zeros stays zero.
    """
    products = torch.bmm(vectors, vectors.transpose(1, 2))
    if normalize:
        lengths = products.diagonal(dim1=1, dim2=2).clamp_min(_SMALLEST_SQUARE).sqrt()
        products = products / (lengths.unsqueeze(1) * lengths.unsqueeze(2))
    squares = products.diagonal(dim1=1, dim2=2)
    relation, head = products[:, 0], products[:, 1]
    with_tails = head[:, 2:] + relation[:, 2:] - head[:, :1]
    return squares[:, :1] + squares[:, 1:2] + squares[:, 2:] - 2 * with_tails


def grouped_product(rows: Tensor, weights: Tensor, counts: Sequence[int]) -> Tensor:
    """Each group of neighbouring rows times its own matrix.

    Args:
        rows: ``[M, D]``; the first ``counts[0]`` rows belong to group 0, and so on.
        weights: ``[G, D, K]``.
        counts: G numbers that add up to M.

    Returns:
        ``[M, K]``, in float32 or better, also under autocast.

    Raises:
        ValueError: shapes or counts do not fit.
    """
    if sum(counts) != len(rows) or len(counts) != len(weights) or rows.shape[1] != weights.shape[1]:
        raise ValueError(
            f"{sum(counts)} rows in {len(counts)} groups, found rows {tuple(rows.shape)} and weights "
            f"{tuple(weights.shape)}"
        )
    with torch.autocast(rows.device.type, enabled=False):
        product: Tensor = _GroupedProduct.apply(rows, weights, list(counts))
    return product


class _GroupedProduct(torch.autograd.Function):
    """One matrix product per group into one result; autograd's own pads each slice's gradient to M rows."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, weights: Tensor, counts: list[int]) -> Tensor:
        ctx.counts = counts
        ctx.save_for_backward(rows, weights)
        result = rows.new_empty(len(rows), weights.shape[2])
        parts = zip(rows.split(counts), weights, result.split(counts), strict=True)
        for part, weight, place in parts:
            if len(part):
                torch.mm(part, weight, out=place)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        rows, weights = ctx.saved_tensors
        grad_rows, grad_weights = torch.empty_like(rows), torch.zeros_like(weights)
        gradients = zip(grad.contiguous().split(ctx.counts), grad_rows.split(ctx.counts), strict=True)
        parts = zip(rows.split(ctx.counts), weights, grad_weights, gradients, strict=True)
        for part, weight, grad_weight, (gradient, grad_part) in parts:
            if len(part):
                torch.mm(gradient, weight.T, out=grad_part)
                torch.mm(part.T, gradient, out=grad_weight)
        return grad_rows, grad_weights, None


class Similarity(nn.Module, ABC):
    """Maps ``h + r`` and ``t`` into a space where their inner product is their similarity.

    So any ranking loss trains it, and items are ranked by one product of matrices.
    """

    @abstractmethod
    def queries(self, translated: Tensor) -> Tensor:
        """``[n, D]`` sums ``h + r`` → ``[n, D']``."""

    @abstractmethod
    def targets(self, tails: Tensor) -> Tensor:
        """``[n, D]`` tails → ``[n, D']``."""


class InnerProduct(Similarity):
    r"""Similarity :math:`(h + r)^T t`, of any sign (Ai et al., 2018, §3.1, eq. 1)."""

    def queries(self, translated: Tensor) -> Tensor:
        """As they are."""
        return translated

    def targets(self, tails: Tensor) -> Tensor:
        """As they are."""
        return tails


class NegativeDistance(Similarity):
    r"""Similarity :math:`-\lVert h + r - t \rVert^2 \le 0` (TransE, squared: the order of tails is the same).

    With :math:`q = h + r` it is :math:`(2q, -\lVert q \rVert^2, -1)^T (t, 1, \lVert t \rVert^2)`: D' = D + 2.
    """

    def queries(self, translated: Tensor) -> Tensor:
        """``[n, D + 2]``."""
        squares = translated.square().sum(dim=1, keepdim=True)
        return torch.cat([2 * translated, -squares, -torch.ones_like(squares)], dim=1)

    def targets(self, tails: Tensor) -> Tensor:
        """``[n, D + 2]``."""
        squares = tails.square().sum(dim=1, keepdim=True)
        return torch.cat([tails, torch.ones_like(squares), squares], dim=1)
