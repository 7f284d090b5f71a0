"""Global batches of training pairs, and each process's share of them."""

import math
from collections.abc import Iterator
from typing import Protocol

import numpy as np
import torch

from kgrec.data.labels import Rows
from kgrec.models.base import Batch
from kgrec.seed import numpy_generator
from kgrec.shapes import IntArray


class Sampler(Protocol):
    """Draws unobserved items, e.g. :class:`kgrec.data.sampling.NegativeSampler`."""

    def sample(self, users: IntArray, rng: np.random.Generator) -> IntArray:
        """``[B, n]`` items for ``users [B]``."""
        ...


class PairBatches:
    """Shuffled batches of pairs, labelled or all observed; a new order and new negatives in each epoch.

    Order and negatives are drawn for the global batch, from streams that belong to the epoch. Each
    process then keeps a contiguous share, so any number of processes trains on the same batches, and
    training can start again at any epoch.

    Args:
        rows: what training learns from.
        sampler: of negatives; ``None`` where the loss needs none.
        batch_size: pairs per step over all processes; the last batch of an epoch may be smaller.
        seed: the run's seed.
        process_index: which share is this process's.
        num_processes: number of shares.
        device: where the batches go.
    """

    def __init__(
        self,
        rows: Rows,
        sampler: Sampler | None,
        batch_size: int,
        seed: int,
        process_index: int,
        num_processes: int,
        device: torch.device,
    ) -> None:
        self.rows = rows
        self.sampler = sampler
        self.batch_size = batch_size
        self.seed = seed
        self.process_index = process_index
        self.num_processes = num_processes
        self.device = device

    def __len__(self) -> int:
        """Steps per epoch."""
        return math.ceil(len(self.rows) / self.batch_size)

    def size(self, index: int) -> int:
        """Pairs of the global batch ``index`` (counted from 0)."""
        return min(self.batch_size, len(self.rows) - index * self.batch_size)

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """This process's share of each global batch of ``epoch`` (counted from 1)."""
        order = numpy_generator(self.seed, "epoch", epoch).permutation(len(self.rows))
        rng = numpy_generator(self.seed, "negatives", epoch)
        first_step = (epoch - 1) * len(self)
        for index in range(len(self)):
            chosen = order[index * self.batch_size : (index + 1) * self.batch_size]
            yield self._share(chosen, rng, first_step + index)

    def _share(self, chosen: IntArray, rng: np.random.Generator, step: int) -> Batch:
        pairs = self.rows.pairs[chosen]
        if self.sampler is None:
            negatives = np.empty((len(pairs), 0), dtype=np.int64)
        else:
            negatives = self.sampler.sample(pairs[:, 0], rng)
        begin = len(pairs) * self.process_index // self.num_processes
        end = len(pairs) * (self.process_index + 1) // self.num_processes
        weight = (end - begin) * self.num_processes / len(pairs)
        if begin == end:  # fewer pairs than processes: take any, at weight 0, to join the others' step
            begin, end = 0, 1
        labels = None if self.rows.labels is None else torch.from_numpy(self.rows.labels).float()
        return Batch(
            users=torch.from_numpy(pairs[begin:end, 0].copy()).to(self.device),
            items=torch.from_numpy(pairs[begin:end, 1].copy()).to(self.device),
            negatives=torch.from_numpy(negatives[begin:end]).to(self.device),
            step=step,
            weight=weight,
            labels=None if labels is None else labels[chosen[begin:end]].to(self.device),
        )
