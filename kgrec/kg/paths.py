"""Strongest paths between two nodes, and how to lay them out."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from kgrec.errors import InputError
from kgrec.shapes import FloatArray, IntArray, Pairs

_Open: TypeAlias = tuple[float, int, tuple[int, ...], tuple[int, ...], float]
"""A path still open: minus the best it can become, its length, nodes, edges and strength so far."""


@dataclass(frozen=True)
class Path:
    """A way through the graph that visits no node twice.

    Attributes:
        nodes: from start to end.
        edges: one fewer than nodes, by their row.
        strength: product of the edges' strengths, in (0, 1].
    """

    nodes: tuple[int, ...]
    edges: tuple[int, ...]
    strength: float


class PathFinder:
    """Finds strongest paths by best-first search.

    An open path is as good as the product of its strengths times the best that can still follow, which is
    known exactly but for the ban on visiting a node twice. So paths come out in order of strength, and little
    beside them is looked at.

    Args:
        edges: ``[n, 2]`` the nodes that each edge joins; walked both ways.
        strengths: ``[n]`` in [0, 1]; an edge of strength 0 is not walked.
        num_nodes: N.

    Raises:
        ValueError: a strength outside [0, 1].
    """

    def __init__(self, edges: Pairs, strengths: FloatArray, num_nodes: int) -> None:
        if len(strengths) and not (strengths.min() >= 0 and strengths.max() <= 1):
            raise ValueError(f"strengths lie in [{strengths.min()}, {strengths.max()}], expected [0, 1]")
        rows = np.flatnonzero(strengths > 0)
        self.num_nodes = num_nodes
        source, target = np.concatenate([edges[rows], edges[rows, ::-1]]).T
        order = np.argsort(source, kind="stable")
        self._source, self._target = source[order], target[order]
        self._edge: IntArray = np.tile(rows, 2)[order]
        self._strength = strengths[self._edge]
        self._first = np.searchsorted(self._source, np.arange(num_nodes + 1))

    def strongest(self, start: int, end: int, k: int, max_length: int) -> list[Path]:
        """The k strongest paths, the strongest first; fewer where there are no more.

        Args:
            start: node.
            end: another node.
            k: ≥ 1.
            max_length: edges of a path, ≥ 1.

        Raises:
            InputError: k or ``max_length`` below 1.
        """
        check_count("k", k)
        best = self._best_to(end, check_count("max_length", max_length))
        found: list[Path] = []
        # Of equally good paths the shorter comes first, then the one with lower node ids.
        queue: list[_Open] = [(-best[max_length][start], 0, (start,), (), 1.0)]
        while queue and len(found) < k:
            _, length, nodes, edges, strength = heapq.heappop(queue)
            if nodes[-1] == end:
                found.append(Path(nodes, edges, strength))
                continue
            if length == max_length:
                continue
            left = best[max_length - length - 1]
            for place in range(self._first[nodes[-1]], self._first[nodes[-1] + 1]):
                node = int(self._target[place])
                reach = strength * float(self._strength[place])
                if node not in nodes and left[node] > 0:
                    row = int(self._edge[place])
                    heapq.heappush(
                        queue, (-reach * left[node], length + 1, (*nodes, node), (*edges, row), reach)
                    )
        return found

    def _best_to(self, end: int, max_length: int) -> list[FloatArray]:
        """``[N]`` for 0, 1, … edges: strength of the best walk to ``end`` of at most so many."""
        best = [np.zeros(self.num_nodes)]
        best[0][end] = 1.0
        for _ in range(max_length):
            reached = best[-1].copy()
            np.maximum.at(reached, self._source, self._strength * best[-1][self._target])
            best.append(reached)
        return best


def check_count(name: str, value: int) -> int:
    """``value`` if it counts something.

    Raises:
        InputError: less than 1.
    """
    if value < 1:
        raise InputError(f"{name}: found {value}, expected at least 1")
    return value


def layout(paths: Sequence[Path]) -> dict[int, tuple[float, float]]:
    """Where to draw each node of paths with common ends: a row for each path, a column for each step.

    A node lies where the first path that visits it does, so no two lie on each other.
    """
    middle = (1 - len(paths)) / 2
    places: dict[int, tuple[float, float]] = {}
    for row, path in enumerate(paths):
        places[path.nodes[0]] = (0.0, middle)
        for step, node in enumerate(path.nodes[1:-1], start=1):
            places.setdefault(node, (float(step), float(-row)))
    if paths:
        places[paths[0].nodes[-1]] = (float(max(len(path.edges) for path in paths)), middle)
    return places
