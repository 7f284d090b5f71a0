"""The collaborative knowledge graph as PyTorch Geometric's ``HeteroData``, in memory and as a file."""

import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch_geometric.data import HeteroData

from kgrec.errors import InputError
from kgrec.kg.graph import Graph
from kgrec.kg.whole_file import whole_file

KINDS = ("user", "item", "entity")
"""Node types, in the order of their node ids; ``entity`` = entities that no item links to."""
_SEPARATOR = "\x1f"  # ASCII's own; no name of a relation holds it


def to_hetero_data(graph: Graph) -> HeteroData:
    """One edge type for each relation and pair of node types that it joins.

    Node ids start at 0 in each type: those of users and items are the dataset's, entities keep their order.
    Edges run from head to tail; the inverses that :class:`kgrec.kg.graph.Graph` adds are left out, as
    ``torch_geometric.transforms.ToUndirected`` makes them.

    Args:
        graph: users, items and entities, in this order of node ids.

    Returns:
        ``data["user", "interacts", "item"].edge_index`` ``[2, E]`` and so on; ``data["item"].has_kg``.
    """
    sizes = [len(graph.user_nodes), len(graph.item_nodes), len(graph.entity_nodes)]
    first = torch.tensor([0, sizes[0], sizes[0] + sizes[1]])
    data = HeteroData()
    for kind, size in zip(KINDS, sizes, strict=True):
        data[kind].num_nodes = size
    data["item"].has_kg = graph.has_kg
    half = graph.num_relations // 2
    forward = graph.edge_type < half
    edges, types = graph.edge_index[:, forward], graph.edge_type[forward]
    kinds = torch.bucketize(edges, first, right=True) - 1
    group = (types * len(KINDS) + kinds[0]) * len(KINDS) + kinds[1]
    for index in group.unique().tolist():
        relation, pair = divmod(index, len(KINDS) ** 2)
        source, target = divmod(pair, len(KINDS))
        chosen = edges[:, group == index] - first[[source, target]].unsqueeze(1)
        data[KINDS[source], graph.relation_names[relation], KINDS[target]].edge_index = chosen
    return data


def save_hetero(data: HeteroData, path: Path) -> None:
    """Write edges and counts as ``.safetensors``: PyG's own files are pickles, which run what is in them.

    Nothing half-written is left under ``path``.
    """
    tensors = {_SEPARATOR.join(kind): data[kind].edge_index.contiguous() for kind in data.edge_types}
    tensors["has_kg"] = data["item"].has_kg
    sizes = json.dumps({kind: data[kind].num_nodes for kind in data.node_types})
    with whole_file(path) as temporary:
        save_file(tensors, temporary, metadata={"num_nodes": sizes})


def load_hetero(path: Path) -> HeteroData:
    """Read what :func:`save_hetero` wrote.

    Raises:
        InputError: no such file, or another kind of file.
    """
    try:
        with safe_open(path, framework="pt") as file:
            sizes: dict[str, int] = json.loads(file.metadata()["num_nodes"])
            tensors: dict[str, Tensor] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        has_kg = tensors.pop("has_kg")
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: not a graph that `kgrec kg export` wrote: {error}") from error
    data = HeteroData()
    for kind, size in sizes.items():
        data[kind].num_nodes = size
    data["item"].has_kg = has_kg
    for name, edge_index in tensors.items():
        source, relation, target = name.split(_SEPARATOR)
        data[source, relation, target].edge_index = edge_index
    return data
