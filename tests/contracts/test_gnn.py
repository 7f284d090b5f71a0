"""What every graph network of ``conf/gnn`` must do."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf

from kgrec.kg.graph import Graph, build_graph
from kgrec.kg.neighbourhood import neighbourhood
from kgrec.nn.gnn.base import GNN

CONFIGS = sorted((Path(__file__).parents[2] / "conf" / "gnn").glob("*.yaml"))
IN_DIM = 6


def random_graph(seed: int = 0) -> Graph:
    """3 users, 5 items (two share an entity, one is unlinked), 3 relations, parallel edges."""
    rng = np.random.default_rng(seed)
    return build_graph(
        num_users=3,
        num_items=5,
        num_entities=8,
        relation_names=["a", "b", "c"],
        interactions=np.unique(rng.integers([3, 5], size=(8, 2)), axis=0),
        triples=rng.integers([8, 3, 8], size=(25, 3)),
        item_to_entity=np.array([0, 1, 1, -1, 2]),
    )


@pytest.fixture(params=CONFIGS, ids=lambda path: path.stem)
def build(request: pytest.FixtureRequest) -> Callable[[Graph], GNN]:
    def build_for(graph: Graph) -> GNN:
        torch.manual_seed(0)
        network = instantiate(OmegaConf.load(request.param))(IN_DIM, graph.num_relations)
        return network.eval()

    return build_for


@pytest.fixture
def x() -> torch.Tensor:
    return torch.randn(random_graph().num_nodes, IN_DIM, generator=torch.Generator().manual_seed(1))


def without(graph: Graph, edges: torch.Tensor) -> Graph:
    keep = torch.ones(graph.num_edges, dtype=torch.bool).index_fill(0, edges, False)
    return replace(graph, edge_index=graph.edge_index[:, keep], edge_type=graph.edge_type[keep])


def test_config_says_what_it_is(build: Callable, request: pytest.FixtureRequest) -> None:
    path = request.node.callspec.params["build"]
    config = OmegaConf.load(path)
    assert path.read_text().startswith("# ")
    assert config["_partial_"] is True
    assert path.stem == config["_target_"].split(".")[-2]


def test_shape_and_type(build: Callable, x: torch.Tensor) -> None:
    graph = random_graph()
    network = build(graph)
    out = network(x, graph)
    assert isinstance(network, GNN)
    assert out.shape == (graph.num_nodes, network.out_dim)
    assert out.dtype == torch.float32


@pytest.mark.parametrize("both_directions", [True, False])
def test_an_edge_of_weight_zero_is_as_good_as_absent(
    build: Callable, x: torch.Tensor, both_directions: bool
) -> None:
    graph = random_graph()
    edges = torch.tensor([0, 3, 10])
    if both_directions:  # the inverse of edge e is edge e + E/2
        edges = torch.cat([edges, edges + graph.num_edges // 2])
    weights = torch.ones(graph.num_edges).index_fill(0, edges, 0.0)
    network = build(graph)
    dropped = network(x, graph.with_edge_weight(weights))
    torch.testing.assert_close(dropped, network(x, without(graph, edges)))


def test_weight_one_is_as_good_as_no_weight(build: Callable, x: torch.Tensor) -> None:
    graph = random_graph()
    network = build(graph)
    weighted = graph.with_edge_weight(torch.ones(graph.num_edges))
    assert torch.equal(network(x, weighted), network(x, graph))


def test_node_names_do_not_matter(build: Callable, x: torch.Tensor) -> None:
    """Permutation equivariance: renamed nodes, renamed outputs."""
    graph = random_graph()
    renamed = torch.randperm(graph.num_nodes, generator=torch.Generator().manual_seed(2))
    network = build(graph)
    x_renamed = torch.empty_like(x).index_copy(0, renamed, x)
    nodes = {name: renamed[getattr(graph, name)] for name in ("user_nodes", "item_nodes")}
    out = network(x_renamed, replace(graph, edge_index=renamed[graph.edge_index], **nodes))
    torch.testing.assert_close(out[renamed], network(x, graph))


def test_edge_order_does_not_matter(build: Callable, x: torch.Tensor) -> None:
    graph = random_graph()
    order = torch.randperm(graph.num_edges, generator=torch.Generator().manual_seed(3))
    shuffled = replace(graph, edge_index=graph.edge_index[:, order], edge_type=graph.edge_type[order])
    network = build(graph)
    torch.testing.assert_close(network(x, shuffled), network(x, graph))


def test_same_bits_each_time(build: Callable, x: torch.Tensor) -> None:
    runs = []
    for _ in range(2):
        graph = random_graph()
        network, features = build(graph), x.clone().requires_grad_()
        out = network(features, graph)
        out.pow(2).sum().backward()
        runs.append([out.detach(), features.grad, *(p.grad for p in network.parameters())])
    assert all(torch.equal(a, b) for a, b in zip(*runs, strict=True))


def test_every_parameter_gets_a_finite_gradient(build: Callable, x: torch.Tensor) -> None:
    graph = random_graph()
    network = build(graph).train()
    x.requires_grad_()
    network(x, graph).pow(2).sum().backward()
    for name, tensor in [("x", x), *network.named_parameters()]:
        assert tensor.grad is not None, name
        assert torch.isfinite(tensor.grad).all(), name
        assert tensor.grad.abs().sum() > 0, name


def test_gradcheck(build: Callable, x: torch.Tensor) -> None:
    graph = random_graph()
    network = build(graph).double()
    # Larger features: further than the step of the finite differences from the kink of a ReLU.
    features = (10 * x).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda f: network(f, graph), (features,))


def test_a_graph_without_edges(build: Callable, x: torch.Tensor) -> None:
    graph = random_graph()
    empty = without(graph, torch.arange(graph.num_edges))
    network = build(graph)
    out = network(x.requires_grad_(), empty)
    out.sum().backward()
    assert torch.isfinite(out).all()
    assert torch.isfinite(x.grad).all()


def test_wrong_sizes_are_refused(build: Callable, x: torch.Tensor) -> None:
    graph = random_graph()
    network = build(graph)
    with pytest.raises(ValueError, match="node features"):
        network(x[:, 1:], graph)
    with pytest.raises(ValueError, match="node features"):
        network(x[1:], graph)
    with pytest.raises(ValueError, match="relations"):
        network(x, replace(graph, relation_names=graph.relation_names[1:]))


@pytest.mark.parametrize("weighted", [False, True])
def test_its_reach_is_enough_for_a_node(build: Callable, x: torch.Tensor, weighted: bool) -> None:
    graph = random_graph()
    if weighted:
        weights = torch.rand(graph.num_edges, generator=torch.Generator().manual_seed(2))
        graph = graph.with_edge_weight(weights)
    network = build(graph)
    if network.reach is None:
        pytest.skip("hangs on the whole graph")
    whole = network(x, graph)
    for item in graph.item_nodes.tolist():
        part = neighbourhood(graph, item, network.reach)
        alone = network(part.features(x), part.graph)[part.graph.item_nodes]
        assert alone[0].detach().numpy() == pytest.approx(whole[item].detach().numpy(), abs=1e-5)


def test_features_of_some_nodes_are_those_among_all(build: Callable, x: torch.Tensor) -> None:
    graph = random_graph()
    network = build(graph)
    nodes = torch.tensor([7, 3, 10])
    torch.testing.assert_close(network.at(x, graph, nodes), network(x, graph)[nodes])
    weighted = graph.with_edge_weight(torch.linspace(0, 1, graph.num_edges))
    torch.testing.assert_close(network.at(x, weighted, nodes), network(x, weighted)[nodes])


def test_a_weight_for_each_relation_or_none(build: Callable) -> None:
    graph = random_graph()
    weights = build(graph).relation_weights()
    assert weights is None or (weights.shape == (graph.num_relations,) and bool(weights.isfinite().all()))
