"""Evaluation on a seeded sample of users, for models whose scores take long; and what a user's list takes."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from kgrec.data.dataset import RecDataset
from kgrec.errors import InputError
from kgrec.evaluation.base import Evaluation, Scorer
from kgrec.evaluation.evaluator import Evaluator
from kgrec.evaluation.metrics.base import Metric
from kgrec.evaluation.ranking import Ranking
from kgrec.seed import numpy_generator
from kgrec.shapes import BoolArray, Pairs


@runtime_checkable
class SecondStage(Protocol):
    """A scorer that ranks the best items of a list anew, and so must know what the list is made of."""

    def score_among(self, user_ids: Tensor, item_ids: Tensor) -> Tensor:
        """Scores ``[B, I]`` where ``item_ids [C]`` are the candidates."""
        ...


class SampledUsers:
    """An :class:`~kgrec.evaluation.evaluator.Evaluator` that ranks for some of the users.

    The sample is drawn for each split by itself, and is the same for every model. A second stage is told
    the candidates, so that it ranks what is looked at. Beside the metrics stands ``<split>/ms_per_user``:
    milliseconds that scoring and ranking took, the mean over the users.

    Args:
        num_users: users of the sample, at least 1; all where there are fewer.
        sample_seed: of the draw.
        evaluator: what is measured, and how; of one set of candidates.

    Raises:
        InputError: fewer than one user, or two sets of candidates, for which a second stage would have to
            rank twice.
    """

    def __init__(self, num_users: int, sample_seed: int, evaluator: Evaluator) -> None:
        if num_users < 1:
            raise InputError(f"eval.num_users: found {num_users}, expected at least 1")
        if len(evaluator.candidates) > 1:
            raise InputError(
                f"eval.evaluator.candidates: found {evaluator.candidates}, expected one of them, such as "
                f"[{evaluator.candidates[0]}]"
            )
        self.num_users = num_users
        self.sample_seed = sample_seed
        self.evaluator = evaluator
        self.selection_metric = evaluator.selection_metric
        self._samples: dict[str, tuple[RecDataset, RecDataset]] = {}

    def measure(self, scorer: Scorer, dataset: RecDataset, split: str) -> Evaluation:
        """Evaluate on the sample of ``valid`` or ``test``."""
        sample, told = self._sample(dataset, split), self._told(scorer, dataset, split)
        start = time.perf_counter()
        found = self.evaluator.measure(told, sample, split)
        took = 1000 * (time.perf_counter() - start) / len(found.user_ids)
        key = _time_key(split)
        columns = {**found.columns, key: np.full(len(found.user_ids), took)}
        return Evaluation(found.user_ids, columns, {**found.means, key: took})

    def examples(self, scorer: Scorer, dataset: RecDataset, split: str, count: int, k: int) -> Ranking:
        """Lists of users of the sample; see :meth:`kgrec.evaluation.base.Evaluates.examples`."""
        told = self._told(scorer, dataset, split)
        return self.evaluator.examples(told, self._sample(dataset, split), split, count, k)

    def keys(self, split: str) -> list[str]:
        """The metric keys of a split, slices left out."""
        return [*self.evaluator.keys(split), _time_key(split)]

    @property
    def metrics(self) -> Sequence[Metric]:
        """Those of the evaluator."""
        return self.evaluator.metrics

    @property
    def selection_higher_is_better(self) -> bool:
        """As the evaluator says."""
        return self.evaluator.selection_higher_is_better

    def protocol(self) -> dict[str, str]:
        """The evaluator's, and the sample."""
        return {**self.evaluator.protocol(), "users": f"a sample of {self.num_users}"}

    def _told(self, scorer: Scorer, dataset: RecDataset, split: str) -> Scorer:
        """The scorer; a second stage as one that knows the candidates."""
        if not isinstance(scorer, SecondStage):
            return scorer
        items = torch.from_numpy(np.flatnonzero(self._candidates(dataset, split)))
        return _Told(scorer, items.to(scorer.device), scorer.device)

    def _sample(self, dataset: RecDataset, split: str) -> RecDataset:
        """The dataset with the split's interactions of sampled users alone."""
        kept = self._samples.get(split)
        if kept is not None and kept[0] is dataset:
            return kept[1]
        known = np.isin(np.arange(dataset.num_users), dataset.train[:, 0])
        candidates = self._candidates(dataset, split)

        def of_sample(pairs: Pairs) -> Pairs:
            able = np.unique(pairs[known[pairs[:, 0]] & candidates[pairs[:, 1]], 0])
            drawn = numpy_generator(self.sample_seed, "users", split).permutation(able)[: self.num_users]
            return pairs[np.isin(pairs[:, 0], drawn)]

        if split == "valid":
            sample = replace(dataset, valid=of_sample(dataset.valid))
        else:
            sample = replace(dataset, test=of_sample(dataset.test))
        self._samples[split] = dataset, sample
        return sample

    def _candidates(self, dataset: RecDataset, split: str) -> BoolArray:
        """``[I]`` what is ranked."""
        if self.evaluator.candidates == ["all"]:
            return np.ones(dataset.num_items, dtype=bool)
        return dataset.cold_valid if split == "valid" else dataset.cold_test


@dataclass(frozen=True)
class _Told:
    """A second stage that has been told the candidates ``items [C]``."""

    stage: SecondStage
    items: Tensor
    device: torch.device

    def score(self, user_ids: Tensor) -> Tensor:
        """``[B, I]``."""
        return self.stage.score_among(user_ids, self.items)

    def score_pairs(self, user_ids: Tensor, item_ids: Tensor) -> Tensor:
        """``[B]``."""
        return self.score(user_ids).gather(1, item_ids.unsqueeze(1)).squeeze(1)


def _time_key(split: str) -> str:
    return f"{split}/ms_per_user"
