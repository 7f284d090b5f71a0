"""Sums of neighbours, each multiplied by the embedding of the relation that it comes along.

Edges with the same target and relation share the relation's embedding, so their nodes are added up before
they are multiplied; the gradient does the same with edges of one source and relation. Forward and backward
are CSR products, and elementwise products of one row per group in buffers that are kept from call to call: no
row per edge, nothing kept for the gradient but the two inputs, and no scatter.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from kgrec.nn.csr import SparseStructure


class _Grouping:
    """Edges that share one end ("owner") and the relation, as one group each; G groups.

    Attributes:
        others: ``[G, others]`` the nodes at the other end of each group's edges, one entry per edge.
        owners: ``[owners, G]`` the groups of each node.
        relations: ``[R, G]`` the groups of each relation.
        owner, relation: ``[G]`` what a group's edges share.
        buffers: two of ``[G, D]``, written anew by each call.
    """

    def __init__(self, owner: Tensor, other: Tensor, relation: Tensor, sizes: tuple[int, int, int]) -> None:
        num_owners, num_others, num_relations = sizes
        keys, of_edge = torch.unique(owner * max(num_relations, 1) + relation, return_inverse=True)
        groups = torch.arange(len(keys), device=keys.device)
        self.owner, self.relation = keys // max(num_relations, 1), keys % max(num_relations, 1)
        self.others = SparseStructure.build(of_edge, other, (len(keys), num_others))
        self.owners = SparseStructure.build(self.owner, groups, (num_owners, len(keys))).ones().by_row
        self.relations = (
            SparseStructure.build(self.relation, groups, (num_relations, len(keys))).ones().by_row
        )
        self.buffers: tuple[Tensor, Tensor] = (torch.empty(0), torch.empty(0))

    def kept(self, keep: Tensor | None) -> Tensor:
        """``others`` as a CSR matrix of ones, of the edges in ``keep [E]`` only: nothing is sorted again."""
        return self.others.ones().by_row if keep is None else self.others.by_row.ones(keep)

    def sum_of_groups(self, others: Tensor, dense: Tensor) -> Tensor:
        """``[G, D]``: the sum of each group's nodes, in the first buffer."""
        shape = (len(self.owner), dense.shape[1])
        if self.buffers[0].shape != shape or self.buffers[0].device != dense.device:
            # Fresh memory costs more than the products: it is asked for once.
            self.buffers = (dense.new_empty(shape), dense.new_empty(shape))
        sums, _ = self.buffers
        return _product(others, dense, out=sums)

    def times(self, sums: Tensor, table: Tensor, rows: Tensor) -> Tensor:
        """``sums ⊙ table[rows]``, in the second buffer."""
        _, product = self.buffers
        torch.index_select(table, 0, rows, out=product)
        return product.mul_(sums)


@dataclass(frozen=True)
class KeptEdges:
    """Typed edges without those dropped in this step; the argument of :func:`relational_sum`.

    Attributes:
        by_target, by_source: the edges grouped by one end and relation.
        sources: ``[G, S]`` of the groups by target.
        targets: ``[G, T]`` of the groups by source.
    """

    by_target: _Grouping
    by_source: _Grouping
    sources: Tensor
    targets: Tensor


class RelationalEdges:
    """Typed edges between two lists of nodes, sorted once for :func:`relational_sum`.

    Args:
        source: ``[E]`` in ``[0, S)``.
        target: ``[E]`` in ``[0, T)``.
        relation: ``[E]`` in ``[0, R)``.
        sizes: T, S and R.

    Raises:
        ValueError: an id outside its range.
    """

    def __init__(self, source: Tensor, target: Tensor, relation: Tensor, sizes: tuple[int, int, int]) -> None:
        num_targets, num_sources, num_relations = sizes
        if len(relation) and not 0 <= int(relation.min()) <= int(relation.max()) < num_relations:
            found = f"[{int(relation.min())}, {int(relation.max())}]"
            raise ValueError(f"relation ids lie in {found}, expected [0, {num_relations})")
        self._by_target = _Grouping(target, source, relation, (num_targets, num_sources, num_relations))
        self._by_source = _Grouping(source, target, relation, (num_sources, num_targets, num_relations))
        self.sizes = sizes
        self._all = self._subset(None)

    def kept(self, keep: Tensor | None = None) -> KeptEdges:
        """The edges of the mask ``keep [E]``; ``None`` = all."""
        return self._all if keep is None else self._subset(keep)

    def _subset(self, keep: Tensor | None) -> KeptEdges:
        by_target, by_source = self._by_target, self._by_source
        return KeptEdges(by_target, by_source, by_target.kept(keep), by_source.kept(keep))


def relational_sum(x: Tensor, relations: Tensor, edges: KeptEdges, num_handed: int) -> tuple[Tensor, Tensor]:
    r"""``[T, D]``: :math:`y_i = \sum_{e = (j \to i)} z_{r(e)} \odot x_j`, zero for a node without an edge.

    With q_{j,r} the sum of the gradients at the targets of j's edges of relation r, the gradients are
    :math:`\sum_r z_r \odot q_{j,r}` for x_j and :math:`\sum_j x_j \odot q_{j,r}` for z_r.

    Args:
        x: ``[S, D]`` float32 nodes.
        relations: ``[R, D]`` float32 z.
        edges: from :meth:`RelationalEdges.kept`.
        num_handed: h ≤ S.

    Returns:
        y, and the first h rows of x: what else reads them should read these, as their gradient is then added
        where it belongs, without being spread over all rows first.
    """
    y, handed = _RelationalSum.apply(x, relations, edges, num_handed)
    return y, handed


class _RelationalSum(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, relations: Tensor, edges: KeptEdges, num_handed: int
    ) -> tuple[Tensor, Tensor]:
        ctx.edges = edges
        ctx.save_for_backward(x, relations)
        groups = edges.by_target
        sums = groups.sum_of_groups(edges.sources, x.contiguous())
        y = _product(groups.owners, groups.times(sums, relations, groups.relation))
        return y, x[:num_handed]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor, handed: Tensor) -> tuple[Tensor, Tensor, None, None]:
        x, relations = ctx.saved_tensors
        groups = ctx.edges.by_source
        sums = groups.sum_of_groups(ctx.edges.targets, grad.contiguous())
        grad_x = _product(groups.owners, groups.times(sums, relations, groups.relation))
        grad_x[: len(handed)] += handed
        return grad_x, _product(groups.relations, groups.times(sums, x, groups.owner)), None, None


def _product(matrix: Tensor, dense: Tensor, out: Tensor | None = None) -> Tensor:
    """``matrix @ dense`` without filling the result with zeros first."""
    if out is None:
        out = dense.new_empty(matrix.shape[0], dense.shape[1])
    return torch.addmm(out, matrix, dense, beta=0, out=out)
