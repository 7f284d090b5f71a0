"""Sums of neighbours, each multiplied by the embedding of the relation that it comes along.

Edges with the same target and relation share the relation's embedding, so their nodes are added up before
they are multiplied; the gradient does the same with edges of one source and relation. Forward and backward
are CSR products, and elementwise products of one row per group in buffers that are kept from call to call: no
row per edge, none for a group whose edges are all dropped, nothing kept for the gradient but the two inputs,
and no scatter.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from kgrec.nn.csr import SparseStructure, csr_ones, running_count, selected
from kgrec.nn.unit_rows import BLOCK


class Buffers:
    """Two scratch tensors that any number of sums write to in turn: fresh memory costs more than a product.

    Attributes:
        tensors: ``[capacity, D]``.
        capacity: the most rows that any of the sums has.
    """

    def __init__(self) -> None:
        self.tensors: tuple[Tensor, Tensor] = (torch.empty(0, 0), torch.empty(0, 0))
        self.capacity = 0

    def rows(self, count: int, like: Tensor) -> tuple[Tensor, Tensor]:
        """``[count, D]`` of both, of the width and on the device of ``like [n, D]``."""
        held, shape = self.tensors[0], (self.capacity, like.shape[1])
        if held.shape != shape or held.device != like.device:
            self.tensors = (like.new_empty(shape), like.new_empty(shape))
        return self.tensors[0][:count], self.tensors[1][:count]


class _Grouping:
    """All edges that share one end ("owner") and the relation, as one group each.

    Attributes:
        others: where the nodes at the other end of each group's edges are, one entry per edge.
        owners: where the groups of each node are; groups are numbered by owner.
        relations: where the groups of each relation are.
        owner, relation: what a group's edges share.
    """

    def __init__(self, owner: Tensor, other: Tensor, relation: Tensor, sizes: tuple[int, int, int]) -> None:
        num_owners, num_others, num_relations = sizes
        keys, of_edge = torch.unique(owner * max(num_relations, 1) + relation, return_inverse=True)
        groups = torch.arange(len(keys), device=keys.device)
        owners, relations = keys // max(num_relations, 1), keys % max(num_relations, 1)
        self.others = SparseStructure.build(of_edge, other, (len(keys), num_others)).by_row
        self.owners = SparseStructure.build(owners, groups, (num_owners, len(keys))).by_row
        self.relations = SparseStructure.build(relations, groups, (num_relations, len(keys))).by_row
        self.owner, self.relation = owners.to(torch.int32), relations.to(torch.int32)


class Groups:
    """The groups with an edge that is kept, of those edges only; G groups, and nothing is sorted again.

    Args:
        whole: of all edges.
        keep: ``[E]`` mask of the edges that stay.

    Attributes:
        others: ``[G, others]`` the nodes at the other end of each group's edges, one entry per edge.
        owners: ``[owners, G]`` the groups of each node.
        relation: ``[G]``.
    """

    def __init__(self, whole: _Grouping, keep: Tensor) -> None:
        pointers, indices = whole.others.cut(keep)
        live = pointers[1:] > pointers[:-1]
        place = running_count(live, pointers.dtype)
        size = int(place[-1])
        starts = torch.cat([selected(pointers[:-1], live), pointers[-1:]])
        by_owner = torch.arange(size, dtype=place.dtype, device=place.device)
        owner_starts = place.index_select(0, whole.owners.pointers)
        self._whole, self._live, self._place = whole, live, place
        self.others = csr_ones(starts, indices, (size, whole.others.shape[1]))
        self.owners = csr_ones(owner_starts, by_owner, (whole.owners.shape[0], size))
        self.relation = selected(whole.relation, live)

    @cached_property
    def owner(self) -> Tensor:
        """``[G]``; made when asked for, as only a gradient reads it."""
        return selected(self._whole.owner, self._live)

    @cached_property
    def relations(self) -> Tensor:
        """``[R, G]`` the groups of each relation; made when asked for, likewise."""
        pointers, groups = self._whole.relations.cut(self._live)
        shape = (self._whole.relations.shape[0], len(self.relation))
        return csr_ones(pointers, self._place.index_select(0, groups), shape)

    def sums(self, dense: Tensor, buffers: Buffers) -> Tensor:
        """``[G, D]``: the sum of each group's nodes, in the first buffer."""
        return _product(self.others, dense, out=buffers.rows(len(self.relation), dense)[0])


@dataclass(frozen=True)
class KeptEdges:
    """Typed edges without those dropped in this step; the argument of :func:`relational_sum`.

    Attributes:
        by_target, by_source: the edges grouped by one end and relation.
        buffers: where sums of groups are written.
    """

    by_target: Groups
    by_source: Groups
    buffers: Buffers


class RelationalEdges:
    """Typed edges between two lists of nodes, sorted once for :func:`relational_sum`.

    Args:
        source: ``[E]`` in ``[0, S)``.
        target: ``[E]`` in ``[0, T)``.
        relation: ``[E]`` in ``[0, R)``.
        sizes: T, S and R.
        buffers: where sums of groups are written; layers of a network, which take turns, share theirs.

    Raises:
        ValueError: an id outside its range.
    """

    def __init__(
        self,
        source: Tensor,
        target: Tensor,
        relation: Tensor,
        sizes: tuple[int, int, int],
        buffers: Buffers | None = None,
    ) -> None:
        num_targets, num_sources, num_relations = sizes
        if len(relation) and not 0 <= int(relation.min()) <= int(relation.max()) < num_relations:
            found = f"[{int(relation.min())}, {int(relation.max())}]"
            raise ValueError(f"relation ids lie in {found}, expected [0, {num_relations})")
        self._by_target = _Grouping(target, source, relation, (num_targets, num_sources, num_relations))
        self._by_source = _Grouping(source, target, relation, (num_sources, num_targets, num_relations))
        self.sizes = sizes
        self._buffers = buffers or Buffers()
        groups = max(len(self._by_target.owner), len(self._by_source.owner))
        self._buffers.capacity = max(self._buffers.capacity, groups)
        self._all = self._subset(torch.ones_like(source, dtype=torch.bool))

    def kept(self, keep: Tensor | None = None) -> KeptEdges:
        """The edges of the mask ``keep [E]``; ``None`` = all."""
        return self._all if keep is None else self._subset(keep)

    def _subset(self, keep: Tensor) -> KeptEdges:
        return KeptEdges(Groups(self._by_target, keep), Groups(self._by_source, keep), self._buffers)


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
        sums = groups.sums(x.contiguous(), edges.buffers)
        y = _product(groups.owners, _times(sums, relations, groups.relation, edges.buffers))
        return y, x[:num_handed]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor, handed: Tensor) -> tuple[Tensor, Tensor, None, None]:
        x, relations = ctx.saved_tensors
        groups, buffers = ctx.edges.by_source, ctx.edges.buffers
        sums = groups.sums(grad.contiguous(), buffers)
        grad_x = _product(groups.owners, _times(sums, relations, groups.relation, buffers))
        grad_x[: len(handed)] += handed
        return grad_x, _product(groups.relations, _times(sums, x, groups.owner, buffers)), None, None


def _times(sums: Tensor, table: Tensor, rows: Tensor, buffers: Buffers) -> Tensor:
    """``sums ⊙ table[rows]``, in the second buffer."""
    _, product = buffers.rows(len(sums), sums)
    for start in range(0, len(sums), BLOCK):
        block = product[start : start + BLOCK]
        torch.index_select(table, 0, rows[start : start + BLOCK], out=block)
        block.mul_(sums[start : start + BLOCK])
    return product


def _product(matrix: Tensor, dense: Tensor, out: Tensor | None = None) -> Tensor:
    """``matrix @ dense`` without filling the result with zeros first."""
    if out is None:
        out = dense.new_empty(matrix.shape[0], dense.shape[1])
    return torch.addmm(out, matrix, dense, beta=0, out=out)
