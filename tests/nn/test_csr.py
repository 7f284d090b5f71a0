import pytest
import torch

from kgrec.nn.csr import SparseMatrix, SparseStructure

# Five entries of a 3 × 4 matrix in no order, two of them at the same place (1, 2), row 2 empty:
#
#     [ 0  0  0  1 ]
#     [ 2  0  3+5  0 ]
#     [ 0  0  0  0 ]
ROWS = torch.tensor([1, 0, 1, 1, 1])
COLS = torch.tensor([2, 3, 0, 2, 1])
VALUES = torch.tensor([3.0, 1.0, 2.0, 5.0, 0.0])
DENSE = torch.tensor([[0.0, 0.0, 0.0, 1.0], [2.0, 0.0, 8.0, 0.0], [0.0, 0.0, 0.0, 0.0]])


@pytest.fixture
def structure() -> SparseStructure:
    return SparseStructure.build(ROWS, COLS, (3, 4))


def to_dense(values: torch.Tensor) -> torch.Tensor:
    return values.new_zeros(3, 4).index_put((ROWS, COLS), values, accumulate=True)


def test_product_equals_dense_product(structure: SparseStructure) -> None:
    x = torch.arange(8.0).reshape(4, 2)
    # Row 0: 1·x[3] = (6, 7). Row 1: 2·x[0] + 8·x[2] = (32, 42). Row 2: nothing.
    expected = torch.tensor([[6.0, 7.0], [32.0, 42.0], [0.0, 0.0]])
    assert torch.equal(SparseMatrix(structure, VALUES) @ x, expected)
    assert torch.equal(DENSE @ x, expected)


def test_transpose_and_sums(structure: SparseStructure) -> None:
    matrix = SparseMatrix(structure, VALUES)
    y = torch.arange(6.0).reshape(3, 2)
    assert matrix.transpose().shape == (4, 3)
    assert torch.equal(matrix.transpose() @ y, DENSE.T @ y)
    assert torch.equal(matrix.row_sums(), torch.tensor([1.0, 10.0, 0.0]))
    assert torch.equal(matrix.column_sums(), torch.tensor([2.0, 0.0, 8.0, 1.0]))


def test_gradients_equal_those_of_the_dense_product(structure: SparseStructure) -> None:
    generator = torch.Generator().manual_seed(0)
    x, upstream = torch.randn(4, 3, generator=generator), torch.randn(3, 3, generator=generator)
    gradients = []
    for sparse in (True, False):
        values, features = VALUES.clone().requires_grad_(), x.clone().requires_grad_()
        product = SparseMatrix(structure, values) @ features if sparse else to_dense(values) @ features
        (product * upstream).sum().backward()
        gradients.append((values.grad, features.grad))
    for ours, dense in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, dense)


def test_gradcheck_in_float64(structure: SparseStructure) -> None:
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(5, generator=generator, dtype=torch.float64, requires_grad=True)
    x = torch.randn(4, 2, generator=generator, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda v, f: SparseMatrix(structure, v) @ f, (values, x))
    assert torch.autograd.gradcheck(lambda v: SparseMatrix(structure, v).column_sums(), (values,))


def test_dense_side_is_kept_only_for_the_gradient_of_the_values(structure: SparseStructure) -> None:
    x = torch.randn(4, 2, requires_grad=True)
    assert (SparseMatrix(structure, VALUES) @ x).grad_fn.saved_tensors == (None,)
    values = VALUES.clone().requires_grad_()
    (SparseMatrix(structure, values) @ x.detach()).sum().backward()
    # ∂(Σ out)/∂values_e = Σ_d x[col_e, d].
    torch.testing.assert_close(values.grad, x.detach().sum(1)[COLS])


def test_reuse_across_layers_keeps_the_gradient(structure: SparseStructure) -> None:
    """One matrix object used twice: its cached CSR must not cut the graph of the values."""
    square = SparseStructure.build(torch.tensor([0, 1]), torch.tensor([1, 0]), (2, 2))
    values = torch.tensor([2.0, 3.0], requires_grad=True)
    matrix = SparseMatrix(square, values)
    (matrix @ (matrix @ torch.ones(2, 1))).sum().backward()
    # M² = a·b·I, summed over two rows: 2ab → gradients 2b, 2a.
    assert torch.equal(values.grad, torch.tensor([6.0, 4.0]))


def test_same_bits_each_time() -> None:
    generator = torch.Generator().manual_seed(0)
    rows, cols = torch.randint(50, (2, 2000), generator=generator)
    values, x = torch.rand(2000, generator=generator), torch.randn(50, 8, generator=generator)
    runs = []
    for _ in range(3):
        v, f = values.clone().requires_grad_(), x.clone().requires_grad_()
        out = SparseMatrix(SparseStructure.build(rows, cols, (50, 50)), v) @ f
        out.pow(2).sum().backward()
        runs.append((out.detach(), v.grad, f.grad))
    assert all(torch.equal(a, b) for run in runs[1:] for a, b in zip(runs[0], run, strict=True))


def test_a_matrix_without_entries_is_zero() -> None:
    empty = torch.zeros(0, dtype=torch.int64)
    structure = SparseStructure.build(empty, empty, (3, 4))
    values, x = torch.zeros(0, requires_grad=True), torch.ones(4, 2, requires_grad=True)
    out = SparseMatrix(structure, values) @ x
    out.sum().backward()
    assert torch.equal(out, torch.zeros(3, 2))
    assert torch.equal(x.grad, torch.zeros(4, 2))
    assert values.grad.shape == (0,)


def test_half_precision_is_computed_in_float32(structure: SparseStructure) -> None:
    x = torch.arange(8.0).reshape(4, 2)
    expected = DENSE @ x
    assert (SparseMatrix(structure, VALUES) @ x.bfloat16()).dtype == torch.float32
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(SparseMatrix(structure, VALUES) @ x, expected)


def test_wrong_sizes_are_refused(structure: SparseStructure) -> None:
    with pytest.raises(ValueError, match=r"column indices lie in \[0, 3\], expected \[0, 3\)"):
        SparseStructure.build(ROWS, COLS, (3, 3))
    with pytest.raises(ValueError, match="row indices"):
        SparseStructure.build(ROWS - 1, COLS, (3, 4))
    with pytest.raises(ValueError, match=r"must both be \[E\]"):
        SparseStructure.build(ROWS[:2], COLS, (3, 4))
    with pytest.raises(ValueError, match=r"expected \[5\]"):
        SparseMatrix(structure, VALUES[:4])
    with pytest.raises(ValueError, match=r"expected \[4, D\]"):
        SparseMatrix(structure, VALUES) @ torch.ones(3, 2)
