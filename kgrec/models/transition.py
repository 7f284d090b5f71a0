"""Transitions: which item follows which, counted over the lags of short histories."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, product

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from kgrec.data.dataset import RecDataset
from kgrec.models.base import ModelInputs, Recommender
from kgrec.models.history import (
    BLOCK_SIZE,
    ExpectedHit,
    lag_weights,
    padded_histories,
    recency_weights,
    summed_rows,
)
from kgrec.models.selection import check_values


@dataclass(frozen=True)
class TransitionCounts:
    r"""Item-to-item counts at all lags of a history, smoothed, as evidence beside popularity.

    .. math::
        M_{ij} = \sum_{s, l} a_s d_l [h_{sl} = i][y_s = j], \quad N = M + \beta M^T, \quad
        P_{ij} = \frac{N_{ij} + k \pi_j}{N_{i\cdot} + k}, \\
        s_j = \log \pi_j + \alpha \sum_l d_l \log (P_{h_l j} / \pi_j)

    over training sequences s with history h and target y; :math:`d_l = (l + 1)^{-decay}` at lag l, a_s halves
    for every ``half_life`` sequences of age, π is the share of an item among the targets, weighted by a. With
    α = 1 and d = 1 this is naive Bayes; items of one history say much the same, so α is less. A first-order
    Markov chain, as in `FPMC <https://doi.org/10.1145/1772690.1772773>`_ (Rendle et al., WWW 2010, §3.1),
    that looks further back. O(I²) memory.

    Attributes:
        decay: values ≥ 0 to choose from, as in all lists, by the expected hit on validation.
        smoothing: k > 0, in counts.
        backward: β ≥ 0, what a transition says of the opposite one.
        evidence: α ≥ 0.
        half_life: in sequences, > 0; ``None`` = all ages alike.
        others: items drawn beside the target in that criterion.

    Raises:
        InputError: an empty list or a value out of range.
    """

    decay: Sequence[float]
    smoothing: Sequence[float]
    backward: Sequence[float]
    evidence: Sequence[float]
    half_life: Sequence[float | None]
    others: int

    def __post_init__(self) -> None:
        for name in ("decay", "backward", "evidence"):
            check_values(name, getattr(self, name), lowest=0, or_equal=True)
        check_values("smoothing", self.smoothing, lowest=0, or_equal=False)
        ages = [1.0 if value is None else value for value in self.half_life]
        check_values("half_life", ages, lowest=0, or_equal=False)
        check_values("others", [self.others], lowest=1, or_equal=True)

    def solve(self, dataset: RecDataset) -> "SolvedTransitions":
        """Count, and choose the setting where there is a choice.

        Raises:
            InputError: no sequences, or no validation sequence to choose by.
        """
        solutions = self._solutions(dataset)
        first = next(solutions)
        second = next(solutions, None)
        if second is None:  # no choice: no validation data is needed
            return first
        hit = ExpectedHit(dataset, self.others)
        best, value = first, first.expected_hit(hit)
        for solution in chain((second,), solutions):
            if (found := solution.expected_hit(hit)) > value:
                best, value = solution, found
        return best

    def _solutions(self, dataset: RecDataset) -> Iterator["SolvedTransitions"]:
        histories = padded_histories(dataset)
        for half_life, decay in product(self.half_life, self.decay):
            lags = lag_weights(histories.shape[1], decay)
            counts, prior = _counted(dataset, histories, lags, half_life)
            for backward, smoothing in product(self.backward, self.smoothing):
                both = counts + backward * counts.T
                share = (both + smoothing * prior) / (both.sum(1, keepdim=True) + smoothing)
                evidence = (share / prior).log()
                evidence = torch.cat([evidence, evidence.new_zeros(1, len(prior))]).float()
                for weight in self.evidence:
                    setting = {"decay": decay, "smoothing": smoothing, "backward": backward,
                               "evidence": weight, "half_life": half_life or 0.0}  # fmt: skip
                    yield SolvedTransitions(evidence, prior.log().float(), (weight * lags).float(), setting)


@dataclass(frozen=True)
class SolvedTransitions:
    """Transitions at one setting.

    Attributes:
        evidence: ``[I + 1, I]`` log (P_ij / π_j); zero for the item that fills short histories.
        prior: ``[I]`` log π.
        lags: ``[L]`` α d_l, the most recent place last.
        setting: what distinguishes it; half_life 0 = none.
    """

    evidence: Tensor
    prior: Tensor
    lags: Tensor
    setting: dict[str, float]

    def score(self, histories: Tensor) -> Tensor:
        """Scores ``[B, I]`` of padded histories ``[B, L]``."""
        return self.prior + summed_rows(histories, self.lags, self.evidence)

    def expected_hit(self, hit: ExpectedHit) -> float:
        """On validation."""
        blocks = enumerate(hit.histories.split(BLOCK_SIZE))
        found = [hit.of_scores(self.score(block), index * BLOCK_SIZE) for index, block in blocks]
        return float(torch.cat(found).mean())

    def to(self, device: torch.device) -> "SolvedTransitions":
        """The same on ``device``."""
        return SolvedTransitions(
            self.evidence.to(device), self.prior.to(device), self.lags.to(device), self.setting
        )


class Transition(Recommender):
    """A recommender by :class:`TransitionCounts` alone: log-odds of any sign, nothing is trained.

    Args:
        inputs: training sequences; validation sequences where there is a choice.
        counts: how transitions are counted.

    Raises:
        InputError: the dataset has no sequences.
    """

    histories: Tensor
    evidence: Tensor
    prior: Tensor
    lags: Tensor

    def __init__(self, inputs: ModelInputs, counts: TransitionCounts) -> None:
        super().__init__(inputs)
        self._dataset = inputs.dataset
        self.counts = counts
        histories = padded_histories(inputs.dataset)
        self.register_buffer("histories", histories, persistent=False)
        self.register_buffer("evidence", torch.zeros(self.num_items + 1, self.num_items))
        self.register_buffer("prior", torch.zeros(self.num_items))
        self.register_buffer("lags", torch.zeros(histories.shape[1]))

    def fit(self) -> None:
        """Count, and keep the best setting."""
        best = self.counts.solve(self._dataset)
        self.chosen = best.setting
        self.evidence.copy_(best.evidence)
        self.prior.copy_(best.prior)
        self.lags.copy_(best.lags)

    def score(self, user_ids: Tensor) -> Tensor:
        """Scores ``[B, I]``."""
        return self.prior + summed_rows(self.histories[user_ids], self.lags, self.evidence)


def _counted(
    dataset: RecDataset, histories: Tensor, lags: Tensor, half_life: float | None
) -> tuple[Tensor, Tensor]:
    """M ``[I, I]`` and π ``[I]`` of the training sequences, float64."""
    num_items = dataset.num_items
    sequence, target = torch.from_numpy(dataset.train.copy()).unbind(1)
    age = recency_weights(len(target), half_life)
    rows = histories[sequence]
    values = (age[:, None] * lags).flatten().numpy()
    columns = target[:, None].expand(rows.shape).flatten().numpy()
    shape = (num_items + 1, num_items)
    counts = sp.coo_array((values, (rows.flatten().numpy(), columns)), shape=shape).toarray()[:-1]
    # Half a target for each item: one that was never a target keeps a finite logarithm.
    share = np.bincount(target.numpy(), age.numpy(), num_items) + 0.5
    return torch.from_numpy(counts), torch.from_numpy(share / share.sum())
