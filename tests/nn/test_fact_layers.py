"""Which facts each layer reads: a chain of facts that leads away from an item."""

import numpy as np
import torch

from kgrec.kg.graph import build_graph
from kgrec.nn.fact_layers import FactLayers


def chain():
    """Items 0 and 1; facts 0 - e2 - e3 - e4 - e5, of relation 1 and then of relation 0; item 1 has none."""
    return build_graph(
        num_users=2,
        num_items=2,
        num_entities=6,
        relation_names=["a", "b"],
        interactions=np.array([[0, 0], [1, 0], [1, 1]]),
        triples=np.array([[0, 1, 2], [2, 0, 3], [3, 0, 4], [4, 0, 5]]),
        item_to_entity=np.array([0, 1]),
    )


def test_each_layer_reads_one_hop_less_far_from_the_items():
    layers = FactLayers(chain(), num_layers=2)
    assert layers.node_ids.tolist() == [2, 3, 4, 5]  # items, then e2 and e3 as nodes; e4 is too far
    first, last = layers.layers()
    assert (first.by_target.others.shape[1], first.by_target.owners.shape[0]) == (4, 3)
    assert (last.by_target.others.shape[1], last.by_target.owners.shape[0]) == (3, 2)
    assert first.by_target.others.values().sum() == 3  # into the item, and into e2 from either side
    assert last.by_target.others.values().sum() == 1


def test_facts_keep_their_relation_and_direction():
    layers = FactLayers(chain(), num_layers=1)
    assert layers.num_relations == 4
    facts = list(zip(layers.source.tolist(), layers.target.tolist(), layers.relation.tolist(), strict=True))
    assert facts == [(2, 0, 3)]  # from e2 into item 0 along the inverse of relation 1


def test_layers_over_the_same_nodes_are_sorted_once():
    layers = FactLayers(chain(), num_layers=7).layers()
    assert [edges.by_target.owners.shape[0] for edges in layers] == [6, 6, 6, 5, 4, 3, 2]
    assert layers[0] is layers[1] is layers[2]
    assert layers[2] is not layers[3]


def test_interactions_are_users_by_items():
    layers = FactLayers(chain(), num_layers=1)
    assert layers.all_interactions.by_row.to_dense().tolist() == [[1, 0], [1, 1]]


def test_dropped_facts_are_missing_in_every_layer():
    layers = FactLayers(chain(), num_layers=2)
    keep = layers.target != 0
    first, last = layers.layers(keep)
    assert first.by_target.others.values().sum() == 2
    assert last.by_target.others.values().sum() == 0
    assert torch.equal(layers.layers()[1].by_target.others.values(), torch.ones(1))
