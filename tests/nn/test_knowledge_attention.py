import numpy as np
import pytest
import torch

from kgrec.errors import InputError
from kgrec.kg.graph import Graph, build_graph
from kgrec.nn.csr import SparseMatrix
from kgrec.nn.knowledge_attention import BiInteraction, KnowledgeAttention
from kgrec.nn.sparse import adjacency
from kgrec.nn.translation import TransR


def dense(matrix: SparseMatrix) -> np.ndarray:
    return (matrix @ torch.eye(matrix.shape[1])).detach().numpy()


def test_attention_by_hand(path_graph: Graph) -> None:
    translation = TransR(4, 1, relation_dim=1, normalize=False)
    relations, projections = torch.tensor([0.1, 0.2, 0.3, 0.4]), torch.tensor([1.0, -1.0, 2.0, 0.5])
    with torch.no_grad():
        translation.relations.copy_(relations[:, None])
        translation.projections.copy_(projections[:, None, None])
    nodes = torch.tensor([1.0, -0.5, 2.0, 0.3])
    attention = dense(KnowledgeAttention(path_graph)(nodes[:, None], translation))

    expected = np.zeros((4, 4))
    for (source, target), relation in zip(
        path_graph.edge_index.T.tolist(), path_graph.edge_type.tolist(), strict=True
    ):
        weight = projections[relation].item()
        head, tail = weight * nodes[target].item(), weight * nodes[source].item()
        expected[target, source] = np.exp(tail * np.tanh(head + relations[relation].item()))
    assert attention == pytest.approx(expected / expected.sum(1, keepdims=True), abs=1e-6)


def test_parallel_edges_add_up_and_large_scores_stay_finite() -> None:
    graph = build_graph(
        num_users=1,
        num_items=2,
        num_entities=2,
        relation_names=["a", "b"],
        interactions=np.array([[0, 0]]),
        triples=np.array([[0, 0, 1], [0, 1, 1]]),
        item_to_entity=np.array([0, 1]),
    )
    translation = TransR(6, 1, relation_dim=1, normalize=False)
    with torch.no_grad():
        translation.projections.fill_(100.0)
    attention = dense(KnowledgeAttention(graph)(torch.tensor([[1.0], [2.0], [3.0]]), translation))
    assert np.isfinite(attention).all()
    assert attention.sum(1) == pytest.approx([1, 1, 1])
    assert attention[1, 2] == pytest.approx(1)  # e^300 against e^100: both facts, hardly the user


def test_layers_by_hand(path_graph: Graph) -> None:
    matrix = adjacency(path_graph, torch.full((path_graph.num_edges,), 0.5))
    layers = BiInteraction(2, layer_dims=[2], dropout=0.0)
    with torch.no_grad():
        for layer, scale in ((layers.sums[0], 1.0), (layers.products[0], -1.0)):
            layer.weight.copy_(scale * torch.eye(2))
    x = torch.tensor([[1.0, 0.0], [0.0, 2.0], [4.0, 0.0], [2.0, -2.0]])
    out = layers(x, matrix)
    # node 0 hears half of node 1, (0, 1): sum (1, 1), product (0, 0)
    # node 3 hears half of nodes 1 and 2, (2, 1): sum (4, −1) → (4, −.01); −product (−4, 2) → (−.04, 2)
    assert out[:, :2].tolist() == x.tolist()
    assert out[0, 2:].tolist() == pytest.approx([0.5**0.5] * 2)
    length = (3.96**2 + 1.99**2) ** 0.5
    assert out[3, 2:].tolist() == pytest.approx([3.96 / length, 1.99 / length])
    assert layers.out_dim == out.shape[1] == 4


@pytest.mark.parametrize(("dims", "dropout"), [([], 0.1), ([4, 0], 0.1), ([4], 1.0), ([4], -0.1)])
def test_bad_settings_are_refused(dims: list[int], dropout: float) -> None:
    with pytest.raises(InputError, match=r"model\.layers\."):
        BiInteraction(2, layer_dims=dims, dropout=dropout)
