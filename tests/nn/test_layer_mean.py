import pytest
import torch

from kgrec.kg.graph import Graph
from kgrec.nn.csr import SparseMatrix
from kgrec.nn.layer_mean import layer_mean
from kgrec.nn.sparse import adjacency, graph_structure


def directed(graph: Graph, **options: object) -> SparseMatrix:
    """Values that make the matrix unlike its transpose, so that a backward with the wrong one fails."""
    return adjacency(graph, torch.linspace(0.1, 1.5, graph.num_edges, **options))


@pytest.mark.parametrize("num_layers", [1, 2, 3])
def test_is_the_mean_of_the_powers(path_graph: Graph, num_layers: int) -> None:
    matrix = directed(path_graph)
    dense = matrix.by_row.to_dense()
    x = torch.randn(4, 5)
    powers = [torch.linalg.matrix_power(dense, layer) @ x for layer in range(num_layers + 1)]
    torch.testing.assert_close(layer_mean(matrix, x, num_layers), torch.stack(powers).mean(dim=0))


@pytest.mark.parametrize("learned", [False, True])
def test_gradients(path_graph: Graph, learned: bool) -> None:
    values = torch.linspace(0.1, 1.5, 6, dtype=torch.float64, requires_grad=learned)
    structure = graph_structure(path_graph).adjacency
    x = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)

    def mean(values: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        return layer_mean(SparseMatrix(structure, values), x, 2)

    assert torch.autograd.gradcheck(mean, (values, x))


def test_what_goes_in_stays_as_it_was(path_graph: Graph) -> None:
    x = torch.randn(4, 3, requires_grad=True)
    before, grad = x.detach().clone(), torch.ones(4, 3)
    layer_mean(directed(path_graph), x, 2).backward(grad)
    assert torch.equal(x, before)
    assert torch.equal(grad, torch.ones(4, 3))


def test_sums_over_neighbours_stay_in_32_bits_under_autocast(path_graph: Graph) -> None:
    x = torch.randn(4, 3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = layer_mean(directed(path_graph), x, 2)
    assert torch.equal(out, layer_mean(directed(path_graph), x, 2))
    assert layer_mean(directed(path_graph), x.bfloat16(), 2).dtype == torch.float32
