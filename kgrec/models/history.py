"""What models of sequences share: histories as tensors, weights of lags, a criterion on validation."""

import torch
import torch.nn.functional as F
from torch import Tensor

from kgrec.data.dataset import RecDataset
from kgrec.errors import InputError

BLOCK_SIZE = 512
"""Sequences scored at a time: bounds memory, changes no result."""


def padded_histories(dataset: RecDataset) -> Tensor:
    """``[U, L]`` item ids, the most recent one last; I = ``num_items`` fills the front of short ones.

    Raises:
        InputError: the dataset has no sequences.
    """
    histories = torch.from_numpy(dataset.in_sequences().histories)
    return histories.masked_fill(histories < 0, dataset.num_items)


def lag_weights(length: int, decay: float) -> Tensor:
    """``[L]``: (lag + 1)^-decay of the places of a history, the last place having lag 0."""
    return torch.arange(length, 0, -1).double() ** -decay


def recency_weights(num_sequences: int, half_life: float | None) -> Tensor:
    """``[n]`` ≤ 1: training sequences in the order of time, halved for every ``half_life`` sequences of age.

    Raises:
        InputError: a half-life that is not positive.
    """
    if half_life is None:
        return torch.ones(num_sequences, dtype=torch.double)
    if not half_life > 0:
        raise InputError(f"model half_life: found {half_life}, expected a number > 0, or null for none")
    return 0.5 ** (torch.arange(num_sequences - 1, -1, -1).double() / half_life)


def summed_rows(histories: Tensor, lags: Tensor, rows: Tensor) -> Tensor:
    """``[B, D]``: sum over the places of ``histories [B, L]`` of ``lags [L]`` times the item's row.

    Args:
        histories: padded with I.
        lags: weight of each place.
        rows: ``[I + 1, D]``, the last one zero.
    """
    weights = lags.to(rows.dtype).expand(histories.shape).contiguous()
    return F.embedding_bag(histories, rows, mode="sum", per_sample_weights=weights)


class ExpectedHit:
    r"""hit@1 on validation sequences, in expectation over the draw of the other candidates.

    .. math:: \mathrm{mean}_s \, (1 - b_s / n_s)^{m}

    with m others drawn, n the items that may be drawn (all but history and target), and b those of them that
    score higher than the target, equal ones counted half. **The test split is never read.**

    Args:
        dataset: its ``valid`` and histories are used.
        others: m ≥ 1.

    Raises:
        InputError: no validation sequence to choose by.
    """

    def __init__(self, dataset: RecDataset, others: int) -> None:
        if len(dataset.valid) == 0:
            raise InputError(f"dataset {dataset.name}: no validation sequence to choose a setting by")
        self.others = others
        self.sequences, self.targets = torch.from_numpy(dataset.valid.copy()).unbind(1)
        self.histories = padded_histories(dataset)[self.sequences]

    def of_scores(self, scores: Tensor, begin: int) -> Tensor:
        """``[B]`` expected hits of the sequences from ``begin`` on, from scores ``[B, I]`` of all items."""
        scores = scores.cpu()
        targets = self.targets[begin : begin + len(scores)]
        own = scores.gather(1, targets.unsqueeze(1))
        better = (scores > own).float() + 0.5 * (scores == own).float()
        drawn = torch.ones(len(scores), scores.shape[1] + 1)
        drawn.scatter_(1, self.histories[begin : begin + len(scores)], 0.0)
        drawn.scatter_(1, targets.unsqueeze(1), 0.0)
        drawn = drawn[:, :-1]
        return (1 - (better * drawn).sum(1) / drawn.sum(1).clamp(min=1)) ** self.others
