"""Features of items and histories of users, as the closed-form models read them."""

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor, nn

from kgrec.kg.graph import Graph
from kgrec.nn.csr import csr_tensor
from kgrec.shapes import FloatArray, Pairs
from kgrec.text.encoder import TextFeatures


class SparseRows(nn.Module):
    """A constant sparse matrix ``[rows, columns]`` that follows the model to its device.

    It is derived from the model's inputs, so it is no part of the state dict.

    Args:
        matrix: the values; stored as float32 in CSR form.
    """

    crow: Tensor
    col: Tensor
    value: Tensor

    def __init__(self, matrix: sp.spmatrix | sp.sparray) -> None:
        super().__init__()
        csr = sp.csr_array(matrix)
        csr.sum_duplicates()
        self.shape = (int(csr.shape[0]), int(csr.shape[1]))
        self.register_buffer("crow", torch.from_numpy(csr.indptr.astype(np.int64)), persistent=False)
        self.register_buffer("col", torch.from_numpy(csr.indices.astype(np.int64)), persistent=False)
        self.register_buffer("value", torch.from_numpy(csr.data.astype(np.float32)), persistent=False)

    def dense(self, row_ids: Tensor) -> Tensor:
        """Rows ``row_ids [B]`` as a dense matrix ``[B, columns]``."""
        start = self.crow[row_ids]
        count = self.crow[row_ids + 1] - start
        row = torch.repeat_interleave(torch.arange(len(row_ids), device=count.device), count)
        # position within its row: running number minus the running number at which the row begins
        offset = torch.arange(len(row), device=count.device) - (count.cumsum(0) - count)[row]
        source = start[row] + offset
        out = torch.zeros(len(row_ids), self.shape[1], device=count.device)
        out[row, self.col[source]] = self.value[source]
        return out

    def product(self, row_ids: Tensor, dense: Tensor) -> Tensor:
        """Rows ``row_ids [B]`` times ``dense [columns, n]``, ``[B, n]``: the zeros are never multiplied."""
        start = self.crow[row_ids]
        count = self.crow[row_ids + 1] - start
        pointers = torch.cat([count.new_zeros(1), count.cumsum(0)])
        source = torch.arange(int(pointers[-1]), device=count.device)
        source = source + torch.repeat_interleave(start - pointers[:-1], count)
        rows = csr_tensor(pointers, self.col[source], self.value[source], (len(row_ids), self.shape[1]))
        return rows @ dense

    def csr(self) -> Tensor:
        """The matrix as a torch CSR tensor, for products with dense matrices."""
        return csr_tensor(self.crow, self.col, self.value, self.shape)


def interaction_matrix(pairs: Pairs, num_users: int, num_items: int) -> sp.csr_array:
    """Interactions ``[n, 2]`` as a binary matrix ``[U, I]``, float64."""
    values = np.ones(len(pairs))
    matrix = sp.csr_array((values, (pairs[:, 0], pairs[:, 1])), shape=(num_users, num_items))
    matrix.sum_duplicates()
    matrix.data[:] = 1.0
    return matrix


def fact_matrix(graph: Graph, balanced: bool) -> sp.csr_array:
    r"""Each item as a tf-idf weighted bag of its facts, ``[I, F]`` with rows of unit length.

    A column is a fact that several items share: a relation (with its direction) and the node at its
    other end. Weight :math:`\log(I / df)` where df is the number of items that carry the fact; a fact
    carried by one item only says nothing about another one and is dropped. An item without a shared
    fact has a zero row.

    Every edge has its inverse, so the edges that *leave* an item hold each of its facts exactly once,
    whether the item is the head or the tail of the triple. Facts of all items count, cold ones
    included: they are known before anybody has bought the item.

    Args:
        graph: its facts.
        balanced: divide the weights of each relation of an item by the square root of their length first, as
            :func:`kgrec.nn.sparse.balanced_tfidf_norm` does.
    """
    source, node, relation = _facts_of_items(graph)
    num_items = len(graph.item_nodes)
    if not balanced:
        return _unit_rows(_bag(source, relation * graph.num_nodes + node, num_items))
    bags = [
        _bag(source[relation == kind], node[relation == kind], num_items)
        for kind in np.unique(relation).tolist()
    ]
    rooted = [sp.csr_array(sp.diags_array(_powers_of_lengths(bag, -0.5)) @ bag) for bag in bags]
    empty = sp.csr_array((num_items, 0))
    return _unit_rows(sp.csr_array(sp.hstack([empty, *rooted])))


def relation_fact_matrices(graph: Graph, max_relations: int) -> dict[str, sp.csr_array]:
    """The bag of facts of each relation by itself, as :func:`fact_matrix` has it of all together.

    Args:
        graph: its facts; a relation and its inverse count as two.
        max_relations: at most this many, those whose shared facts reach most items.

    Returns:
        Relation name → ``[I, F]``, most items first; relations without a shared fact are left out.
    """
    source, node, relation = _facts_of_items(graph)
    num_items = len(graph.item_nodes)
    bags = {
        graph.relation_names[kind]: _unit_rows(
            _bag(source[relation == kind], node[relation == kind], num_items)
        )
        for kind in np.unique(relation).tolist()
    }
    reached = {name: int((np.diff(bag.indptr) > 0).sum()) for name, bag in bags.items()}
    order = sorted((name for name in bags if reached[name]), key=lambda name: (-reached[name], name))
    return {name: bags[name] for name in order[:max_relations]}


def _bag(source: np.ndarray, keys: np.ndarray, num_items: int) -> sp.csr_array:
    """``[I, F]`` tf-idf weights: item ``source[n]`` carries the fact ``keys[n]``."""
    _, column, df = np.unique(keys, return_inverse=True, return_counts=True)
    shared = df[column] > 1
    columns, column = np.unique(column[shared], return_inverse=True)
    idf = np.log(num_items / df[columns])
    return sp.csr_array((idf[column], (source[shared], column)), shape=(num_items, len(columns)))


def _powers_of_lengths(rows: sp.csr_array, exponent: float) -> FloatArray:
    """``[I]`` length of each row to a power; 1 for a row of zeros."""
    lengths = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())
    return np.where(lengths > 0, lengths, 1.0) ** exponent


def fact_counts(graph: Graph) -> FloatArray:
    """Number of facts of each item, ``[I]``, shared or not."""
    source, _, _ = _facts_of_items(graph)
    return np.bincount(source, minlength=len(graph.item_nodes)).astype(np.float64)


def unit_text(text: TextFeatures, center: bool) -> FloatArray:
    """Text features ``[I, Dt]`` with rows of unit length; zero rows where there is no text.

    Args:
        text: the features.
        center: subtract the mean of the items that have text first: mean-pooled token vectors share a
            large common part, which makes every cosine alike.
    """
    rows = text.embeddings.detach().cpu().double().numpy().copy()
    has_text = text.has_text.cpu().numpy()
    if center and has_text.any():
        rows -= rows[has_text].mean(axis=0)
    rows[~has_text] = 0.0
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 0)


def _facts_of_items(graph: Graph) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Item id, node at the other end and relation of every present edge that leaves an item."""
    item_of_node = torch.full((graph.num_nodes,), -1, dtype=torch.long)
    item_of_node[graph.item_nodes.cpu()] = torch.arange(len(graph.item_nodes))
    item = item_of_node[graph.edge_index[0].cpu()]
    kept = (item >= 0) & ~graph.is_interaction.cpu()
    if graph.edge_weight is not None:
        kept &= graph.edge_weight.cpu() > 0
    node, relation = graph.edge_index[1].cpu()[kept], graph.edge_type.cpu()[kept]
    return item[kept].numpy(), node.numpy(), relation.numpy()


def _unit_rows(matrix: sp.csr_array) -> sp.csr_array:
    norms = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    scale = np.divide(1.0, norms, out=np.zeros_like(norms), where=norms > 0)
    return sp.csr_array(sp.diags_array(scale) @ matrix)
