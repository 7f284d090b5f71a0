"""The guard that stops a run when held-out interactions are visible in training."""

import numpy as np

from kgrec.data.dataset import RecDataset
from kgrec.data.leaks import also_in
from kgrec.data.splits.base import PARTS
from kgrec.errors import InputError
from kgrec.kg.graph import Graph
from kgrec.shapes import BoolArray, IntArray, Pairs


def check_no_leak(dataset: RecDataset, graph: Graph | None) -> None:
    """Check that no held-out pair can be read off the training interactions or the graph.

    Called once before a test evaluation. No split may share a pair with another, an item held out as cold
    may have no training interaction, and no edge of the graph may join a user to an item of a validation
    or test pair. The negatives of labelled data stand neither among the interactions nor in the graph, and no
    sequence holds its own target.

    Raises:
        InputError: names where the leak lies, how many pairs leak and the first of them.
    """
    _check_disjoint(dataset, "test", dataset.test, "the training interactions", dataset.train)
    _check_disjoint(dataset, "valid", dataset.valid, "the training interactions", dataset.train)
    _check_disjoint(dataset, "test", dataset.test, "the validation interactions", dataset.valid)
    _check_negatives(
        dataset, "the interactions", np.concatenate([dataset.train, dataset.valid, dataset.test])
    )
    _check_cold(dataset, "cold_test", dataset.cold_test, dataset.train, "a training")
    _check_cold(dataset, "cold_valid", dataset.cold_valid, dataset.train, "a training")
    _check_cold(dataset, "cold_test", dataset.cold_test, dataset.valid, "a validation")
    _check_histories(dataset)
    if graph is not None:
        edges = user_item_edges(graph)
        _check_disjoint(dataset, "test", dataset.test, "the graph", edges)
        _check_disjoint(dataset, "valid", dataset.valid, "the graph", edges)
        _check_negatives(dataset, "the graph", edges)


def user_item_edges(graph: Graph) -> Pairs:
    """User–item pairs joined by an edge of either direction and any relation, each as often: ``[n, 2]``."""
    source, target = graph.edge_index.cpu().numpy()
    user_of, item_of = (_ids_by_node(nodes.cpu().numpy(), graph.num_nodes) for nodes in
                        (graph.user_nodes, graph.item_nodes))  # fmt: skip
    users = np.concatenate([user_of[source], user_of[target]])
    items = np.concatenate([item_of[target], item_of[source]])
    joined = (users >= 0) & (items >= 0)
    return np.stack([users[joined], items[joined]], axis=1)


def _ids_by_node(nodes: IntArray, num_nodes: int) -> IntArray:
    ids = np.full(num_nodes, -1, dtype=np.int64)
    ids[nodes] = np.arange(len(nodes))
    return ids


def _check_disjoint(dataset: RecDataset, split: str, held_out: Pairs, place: str, visible: Pairs) -> None:
    leaked = also_in(visible, held_out)
    if leaked.any():
        user, item = held_out[leaked][0]
        raise InputError(
            f"dataset {dataset.name}: {int(leaked.sum())} {split} pairs also stand in {place}, the first is "
            f"user {dataset.users.raw_ids[user]}, item {dataset.items.raw_ids[item]}; expected none"
        )


def _check_negatives(dataset: RecDataset, place: str, visible: Pairs) -> None:
    """Negatives of labelled data are in none of the places where observed pairs are."""
    if dataset.negatives is not None:
        for part in PARTS:
            _check_disjoint(dataset, f"negative {part}", getattr(dataset.negatives, part), place, visible)


def _check_histories(dataset: RecDataset) -> None:
    """What a sequence is asked for is not in its history."""
    if dataset.sequences is None:
        return
    for part in PARTS:
        sequence, item = getattr(dataset, part).T
        leaked = np.flatnonzero((dataset.sequences.histories[sequence] == item[:, None]).any(axis=1))
        if len(leaked):
            raise InputError(
                f"dataset {dataset.name}: {len(leaked)} {part} targets also stand in the history of their "
                f"sequence, the first is sequence {dataset.users.raw_ids[sequence[leaked[0]]]}; expected none"
            )


def _check_cold(dataset: RecDataset, name: str, cold: BoolArray, visible: Pairs, kind: str) -> None:
    leaked = np.unique(visible[:, 1][cold[visible[:, 1]]])
    if len(leaked):
        raise InputError(
            f"dataset {dataset.name}: {len(leaked)} items of {name} have {kind} interaction, the first is "
            f"item {dataset.items.raw_ids[leaked[0]]}; expected none"
        )
