"""Sparse matrices with a fixed pattern and changing values, multiplied by dense ones.

A graph's edges do not move while a model trains; only their values do (dropped edges, learned weights).
So the sorting is done once, in :class:`SparseStructure`, for the matrix and for its transpose, and each
product and each gradient is a plain CSR kernel: no tensor with one row of D numbers per edge, and no
scatter, hence the same bits on every run on CPU (on CUDA, as far as cuSPARSE's CSR product keeps to it).
"""

import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

_INT32_MAX = 2**31 - 1


def csr_tensor(pointers: Tensor, indices: Tensor, values: Tensor, shape: tuple[int, int]) -> Tensor:
    """A torch CSR tensor, without torch's notices that these are in beta and unchecked.

    The products used here are tested. Invariants stay unchecked because parallel edges (two relations
    between the same two nodes) are legal: kernels add them up, the check would refuse them.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse (CSR tensor support|invariant checks)")
        return torch.sparse_csr_tensor(pointers, indices, values, shape, check_invariants=False)


@dataclass(frozen=True)
class _Layout:
    """One compressed order of the entries.

    Attributes:
        pointers: ``[rows + 1]`` where each row begins.
        indices: ``[E]`` column of each entry, sorted by row, then column.
        order: ``[E]`` position of each sorted entry in the caller's order.
        shape: rows, columns.
    """

    pointers: Tensor
    indices: Tensor
    order: Tensor
    shape: tuple[int, int]

    def csr(self, values: Tensor) -> Tensor:
        """The CSR tensor with ``values [E]``, given in this layout's order."""
        return csr_tensor(self.pointers, self.indices, values, self.shape)

    def cut(self, keep: Tensor) -> tuple[Tensor, Tensor]:
        """Pointers and indices of the entries in ``keep [E]``, in the caller's order; nothing is sorted."""
        kept = keep.index_select(0, self.order)
        before = running_count(kept, self.pointers.dtype)
        return before.index_select(0, self.pointers), selected(self.indices, kept)


def csr_ones(pointers: Tensor, indices: Tensor, shape: tuple[int, int]) -> Tensor:
    """The CSR tensor of ones at these places."""
    return _Layout(pointers, indices, indices, shape).csr(torch.ones(len(indices), device=indices.device))


def selected(values: Tensor, keep: Tensor) -> Tensor:
    """``values[keep]``, both ``[n]``."""
    if keep.device.type == "cpu":  # torch finds the places first, and takes six times as long
        return torch.from_numpy(values.numpy().compress(keep.numpy()))
    return values[keep]


def running_count(keep: Tensor, dtype: torch.dtype) -> Tensor:
    """``[n + 1]``: how many of ``keep [n]`` are true before each place."""
    counts = torch.zeros(len(keep) + 1, dtype=dtype, device=keep.device)
    torch.cumsum(keep, 0, dtype=dtype, out=counts[1:])
    return counts


def _compress(rows: Tensor, cols: Tensor, shape: tuple[int, int]) -> _Layout:
    order = torch.argsort(rows * shape[1] + cols, stable=True)
    counts = torch.bincount(rows, minlength=shape[0])
    pointers = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
    # int32 halves the index traffic, and MKL would otherwise convert the indices at every call.
    index_type = torch.int32 if max(*shape, len(rows)) <= _INT32_MAX else torch.int64
    return _Layout(pointers.to(index_type), cols[order].to(index_type), order, shape)


@dataclass(frozen=True)
class SparseStructure:
    """Where a sparse matrix has entries: the part that is sorted once and shared by all values.

    Made by :meth:`build`; keeps no reference to the tensors it was built from.

    Attributes:
        by_row: the matrix's layout.
        by_column: its transpose's layout.
    """

    by_row: _Layout
    by_column: _Layout

    @classmethod
    def build(cls, rows: Tensor, cols: Tensor, shape: tuple[int, int]) -> "SparseStructure":
        """Sort entries; entry e lies at ``(rows[e], cols[e])``, several at one place are added up.

        Args:
            rows: ``[E]`` row of each entry.
            cols: ``[E]`` column of each entry.
            shape: number of rows and of columns.

        Raises:
            ValueError: the lengths differ, or an index lies outside ``shape``.
        """
        if rows.shape != cols.shape or rows.dim() != 1:
            raise ValueError(f"rows {tuple(rows.shape)} and cols {tuple(cols.shape)} must both be [E]")
        for name, index, size in (("row", rows, shape[0]), ("column", cols, shape[1])):
            # The kernels do not look: an index out of range would read foreign memory.
            if len(index) and (int(index.min()) < 0 or int(index.max()) >= size):
                found = f"[{int(index.min())}, {int(index.max())}]"
                raise ValueError(f"{name} indices lie in {found}, expected [0, {size})")
        rows, cols = rows.long(), cols.long()
        return cls(_compress(rows, cols, shape), _compress(cols, rows, (shape[1], shape[0])))

    @property
    def shape(self) -> tuple[int, int]:
        """Rows, columns."""
        return self.by_row.shape

    @property
    def num_entries(self) -> int:
        """E."""
        return len(self.by_row.order)

    def transpose(self) -> "SparseStructure":
        """The transpose's structure; nothing is sorted again."""
        return SparseStructure(self.by_column, self.by_row)

    def ones(self) -> "SparseMatrix":
        """The matrix whose entries are all 1 (float32): it adds up, or copies, rows."""
        return SparseMatrix(self, torch.ones(self.num_entries, device=self.by_row.order.device))


class SparseMatrix:
    """A sparse matrix; ``matrix @ dense`` is differentiable in the dense side and in the values.

    With ``M`` = Σ_e values_e · 1[rows_e, cols_e] and ``Y = M X``:

        ∂L/∂X = Mᵀ ∂L/∂Y        (the precomputed transpose)
        ∂L/∂values_e = ⟨∂L/∂Y[rows_e], X[cols_e]⟩        (only when ``values.requires_grad``)

    Args:
        structure: the pattern.
        values: ``[E]`` one value per entry, in the order the structure was built with. They must not be
            changed in place afterwards.

    Raises:
        ValueError: ``values`` is not ``[E]``.
    """

    def __init__(self, structure: SparseStructure, values: Tensor) -> None:
        if values.shape != (structure.num_entries,):
            raise ValueError(f"values {tuple(values.shape)}, expected [{structure.num_entries}]")
        self.structure = structure
        self.values = values

    @property
    def shape(self) -> tuple[int, int]:
        """Rows, columns."""
        return self.structure.shape

    @cached_property
    def by_row(self) -> Tensor:
        """M as a CSR tensor, without gradient; kept because every layer of a network reuses it."""
        layout = self.structure.by_row
        return layout.csr(self.values.detach()[layout.order])

    @cached_property
    def by_column(self) -> Tensor:
        """Mᵀ as a CSR tensor, without gradient."""
        layout = self.structure.by_column
        return layout.csr(self.values.detach()[layout.order])

    def __matmul__(self, dense: Tensor) -> Tensor:
        """``[rows, cols] @ [cols, D] -> [rows, D]``.

        Computed in the type of ``dense``, but never below float32, also under autocast: sums over
        thousands of neighbours lose too much in 16 bits.

        Raises:
            ValueError: ``dense`` is not ``[cols, D]``.
        """
        if dense.dim() != 2 or dense.shape[0] != self.shape[1]:
            raise ValueError(f"dense side {tuple(dense.shape)}, expected [{self.shape[1]}, D]")
        dtype = torch.promote_types(dense.dtype, torch.float32)
        if self.values.dtype != dtype:
            return SparseMatrix(self.structure, self.values.to(dtype)) @ dense
        with torch.autocast(dense.device.type, enabled=False):
            return _SparseProduct.apply(self.values, dense.to(dtype), self)

    def row_sums(self) -> Tensor:
        """``[rows]`` sum of each row's values: the weighted in-degree when M is an adjacency."""
        return (self @ self.values.new_ones(self.shape[1], 1)).squeeze(1)

    def column_sums(self) -> Tensor:
        """``[cols]`` sum of each column's values."""
        return (self.transpose() @ self.values.new_ones(self.shape[0], 1)).squeeze(1)

    def transpose(self) -> "SparseMatrix":
        """Mᵀ with the same values."""
        return SparseMatrix(self.structure.transpose(), self.values)


class _SparseProduct(torch.autograd.Function):
    """``matrix @ dense``; ``values`` is passed beside the matrix so that autograd sees it."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, dense: Tensor, matrix: SparseMatrix) -> Tensor:
        ctx.matrix = matrix
        # The dense side is kept only where the gradient of the values will need it.
        ctx.save_for_backward(dense if values.requires_grad else None)
        return matrix.by_row @ dense.contiguous()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        grad = grad.contiguous()
        grad_values = grad_dense = None
        if ctx.needs_input_grad[0]:
            (dense,) = ctx.saved_tensors
            layout = ctx.matrix.structure.by_row
            # Inner products at the pattern's entries only: E numbers, never E rows of D.
            pattern = layout.csr(grad.new_zeros(len(layout.order)))
            sampled = torch.sparse.sampled_addmm(pattern, grad, dense.t()).values()
            grad_values = torch.empty_like(sampled)
            grad_values[layout.order] = sampled
        if ctx.needs_input_grad[1]:
            grad_dense = ctx.matrix.by_column @ grad
        return grad_values, grad_dense, None
