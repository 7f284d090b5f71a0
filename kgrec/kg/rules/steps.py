"""The relations of a graph as sparse boolean matrices, one for each direction."""

from typing import Self

import numpy as np
from scipy import sparse

from kgrec.kg.graph import Graph
from kgrec.kg.rules.rule import Rule
from kgrec.shapes import IntArray, Pairs, Triples


class Steps:
    """Where one step along a relation leads.

    Args:
        triples: ``[T, 3]``; repeated triples and self loops are left out, as the graph leaves them out.
        num_nodes: N; ids of nodes lie in ``[0, N)``.
        num_relations: R; ids of relations lie in ``[0, R)``.

    Attributes:
        matrices: 2R matrices ``[N, N]`` of bool: of relation r, then at ``r + R`` of r walked backwards.
    """

    def __init__(self, triples: Triples, num_nodes: int, num_relations: int) -> None:
        self.num_nodes, self.num_relations = num_nodes, num_relations
        distinct = np.unique(triples[triples[:, 0] != triples[:, 2]], axis=0)
        forward = [self._matrix(distinct[distinct[:, 1] == r]) for r in range(num_relations)]
        self.matrices: list[sparse.csr_array] = [*forward, *(matrix.T.tocsr() for matrix in forward)]

    @classmethod
    def of_graph(cls, graph: Graph) -> Self:
        """The steps between users, items and other entities; interactions are the last relation."""
        return cls(graph.triples, graph.num_nodes, graph.num_relations // 2)

    def _matrix(self, triples: Triples) -> sparse.csr_array:
        cells = (np.ones(len(triples), dtype=bool), (triples[:, 0], triples[:, 2]))
        return sparse.csr_array(cells, shape=(self.num_nodes, self.num_nodes))

    def inverse(self, step: int) -> int:
        """The same relation walked the other way."""
        return (step + self.num_relations) % (2 * self.num_relations)

    def from_node(self, node: int, step: int) -> IntArray:
        """Nodes that a step leads to."""
        matrix = self.matrices[step]
        return matrix.indices[matrix.indptr[node] : matrix.indptr[node + 1]].astype(np.int64)

    def between_others(self, first: int, second: int) -> sparse.csr_array:
        """``[N, N]``: pairs of two different nodes that the two steps join."""
        joined = (self.matrices[first] @ self.matrices[second]).tocoo()
        kept = joined.row != joined.col
        cells = (joined.data[kept], (joined.row[kept], joined.col[kept]))
        return sparse.csr_array(cells, shape=joined.shape)

    def predictions(self, rule: Rule) -> Pairs:
        """``[n, 2]``: all distinct (x, y) for which the body holds, whether or not the head does."""
        product = self.matrices[rule.body[0]]
        if len(rule.body) == 2:
            product = product @ self.matrices[rule.body[1]]
        elif len(rule.body) == 3:
            product = product @ self.between_others(*rule.body[1:])
        found = product.tocoo()
        return np.stack([found.row, found.col], axis=1).astype(np.int64)

    def witness(self, rule: Rule, x: int, y: int) -> list[int] | None:
        """Nodes from x to y along the rule's body, the first found; ``None`` where the body does not hold."""
        last = set(self.from_node(y, self.inverse(rule.body[-1])).tolist())

        def walk(path: list[int]) -> list[int] | None:
            depth = len(path) - 1
            if depth == len(rule.body) - 1:
                return [*path, y] if path[-1] in last else None
            for node in self.from_node(path[-1], rule.body[depth]).tolist():
                is_itself = len(rule.body) == 3 and depth == 0 and node == y
                found = None if is_itself else walk([*path, node])
                if found is not None:
                    return found
            return None

        return walk([x])
