import pytest
import torch

from kgrec.errors import InputError
from kgrec.kg.graph import Graph
from kgrec.nn.gnn.hgt import HGT, node_kinds


def test_equals_the_formula_edge_by_edge(path_graph: Graph) -> None:
    torch.manual_seed(0)
    network = HGT(in_dim=4, num_relations=4, num_layers=1, num_heads=2, dropout=0.0)
    (layer,) = network.layers
    with torch.no_grad():
        layer.prior.copy_(torch.rand(4, 2))
        layer.share.copy_(torch.randn(3))
    x, kinds = torch.randn(4, 4), node_kinds(path_graph).argmax(dim=1).tolist()
    edges = list(zip(*path_graph.edge_index.tolist(), path_graph.edge_type.tolist(), strict=True))
    expected = []
    for node in range(4):
        query = layer.queries.maps[kinds[node]](x[node])
        parts = []
        for head in range(2):
            dims = slice(2 * head, 2 * head + 2)
            scores, messages = [], []
            for source, target, relation in edges:
                if target != node:
                    continue
                key = layer.keys.maps[kinds[source]](x[source])[dims] @ layer.attention[head, relation]
                scores.append(layer.prior[relation, head] * (key @ query[dims]) / 2**0.5)
                value = layer.values.maps[kinds[source]](x[source])[dims]
                messages.append(value @ layer.message[head, relation])
            parts.append(torch.softmax(torch.stack(scores), dim=0) @ torch.stack(messages))
        update = layer.outputs.maps[kinds[node]](torch.nn.functional.gelu(torch.cat(parts)))
        share = torch.sigmoid(layer.share[kinds[node]])
        expected.append(share * update + (1 - share) * x[node])
    torch.testing.assert_close(network(x, path_graph), torch.stack(expected))


def test_heads_must_divide_the_width() -> None:
    with pytest.raises(InputError, match="num_heads is 3; expected a divisor of the width 4"):
        HGT(in_dim=4, num_relations=4, num_layers=1, num_heads=3, dropout=0.0)
