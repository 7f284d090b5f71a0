"""Sums of neighbours, each multiplied by the embedding of the relation that it comes along.

Edges with the same target and relation share the relation's embedding, so their nodes are added up before
they are multiplied; the gradient does the same with edges of one source and relation. Forward and backward
are CSR products, and elementwise products of one row per group in buffers that are kept from call to call: no
row per edge, none for a group whose edges are all dropped, nothing kept for the gradient but the two inputs,
and no scatter.
"""

from dataclasses import dataclass
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


@dataclass(frozen=True)
class Groups:
    """Edges that share one end ("owner") and the relation, as one group each; G groups.

    Attributes:
        others: ``[G, others]`` the nodes at the other end of each group's edges, one entry per edge.
        owners: ``[owners, G]`` the groups of each node.
        relations: ``[R, G]`` the groups of each relation.
        owner, relation: ``[G]`` what a group's edges share.
    """

    others: Tensor
    owners: Tensor
    relations: Tensor
    owner: Tensor
    relation: Tensor

    def sums(self, dense: Tensor, buffers: Buffers) -> Tensor:
        """``[G, D]``: the sum of each group's nodes, in the first buffer."""
        return _product(self.others, dense, out=buffers.rows(len(self.owner), dense)[0])


class _Grouping:
    """All edges in groups, from which those of a step are cut."""

    def __init__(self, owner: Tensor, other: Tensor, relation: Tensor, sizes: tuple[int, int, int]) -> None:
        num_owners, num_others, num_relations = sizes
        keys, of_edge = torch.unique(owner * max(num_relations, 1) + relation, return_inverse=True)
        groups = torch.arange(len(keys), device=keys.device)
        owners, relations = keys // max(num_relations, 1), keys % max(num_relations, 1)
        self._others = SparseStructure.build(of_edge, other, (len(keys), num_others)).by_row
        self._owners = SparseStructure.build(owners, groups, (num_owners, len(keys))).by_row
        self._relations = SparseStructure.build(relations, groups, (num_relations, len(keys))).by_row
        self.size = len(keys)
        self._owner, self._relation = owners.to(torch.int32), relations.to(torch.int32)

    def kept(self, keep: Tensor) -> Groups:
        """The groups with an edge in ``keep [E]``, of those edges only: nothing is sorted again."""
        pointers, indices = self._others.cut(keep)
        live = pointers[1:] > pointers[:-1]
        place = running_count(live, pointers.dtype)
        size = int(place[-1])
        starts = torch.cat([selected(pointers[:-1], live), pointers[-1:]])
        # Groups are numbered by owner.
        by_owner = torch.arange(size, dtype=place.dtype, device=place.device)
        pointers_r, groups_r = self._relations.cut(live)
        return Groups(
            csr_ones(starts, indices, (size, self._others.shape[1])),
            csr_ones(place.index_select(0, self._owners.pointers), by_owner, (self._owners.shape[0], size)),
            csr_ones(pointers_r, place.index_select(0, groups_r), (self._relations.shape[0], size)),
            selected(self._owner, live),
            selected(self._relation, live),
        )


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
        groups = max(self._by_target.size, self._by_source.size)
        self._buffers.capacity = max(self._buffers.capacity, groups)
        self._all = self._subset(torch.ones_like(source, dtype=torch.bool))

    def kept(self, keep: Tensor | None = None) -> KeptEdges:
        """The edges of the mask ``keep [E]``; ``None`` = all."""
        return self._all if keep is None else self._subset(keep)

    def _subset(self, keep: Tensor) -> KeptEdges:
        return KeptEdges(self._by_target.kept(keep), self._by_source.kept(keep), self._buffers)


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
