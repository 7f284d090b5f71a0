"""What every evaluation is given and gives, whatever the task."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from kgrec.data.dataset import RecDataset
from kgrec.evaluation.ranking import Ranking
from kgrec.shapes import FloatArray, IntArray


@dataclass(frozen=True)
class Evaluation:
    """The result of one evaluation.

    Attributes:
        user_ids: ``[n]`` ascending: the users that were evaluated.
        columns: key → ``[n]`` one value per user, NaN where it is not defined for the user.
        means: key → the figure of the evaluation: the mean of the column of its name or, for a key that no
            column has, what the evaluation says it is.
    """

    user_ids: IntArray
    columns: dict[str, FloatArray]
    means: dict[str, float]


class Scorer(Protocol):
    """What is evaluated, e.g. a :class:`kgrec.models.base.Recommender`."""

    def score(self, user_ids: Tensor) -> Tensor:
        """Scores ``[B, I]`` of all items for ``user_ids [B]``."""
        ...

    def score_pairs(self, user_ids: Tensor, item_ids: Tensor) -> Tensor:
        """Scores ``[B]`` of pairs."""
        ...

    @property
    def device(self) -> torch.device:
        """Where ids are expected."""
        ...


class Evaluates(Protocol):
    """What ``conf/eval/*.yaml`` builds."""

    selection_metric: str

    def measure(self, scorer: Scorer, dataset: RecDataset, split: str) -> Evaluation:
        """Evaluate on ``valid`` or ``test``; raises :class:`kgrec.errors.InputError` on unfit data."""
        ...

    def examples(self, scorer: Scorer, dataset: RecDataset, split: str, count: int, k: int) -> Ranking:
        """Lists of length ``k`` of ``count`` of the users that :meth:`measure` evaluates.

        Ranked among the candidates that models are selected on; the users are the same for every model.
        """
        ...

    @property
    def selection_higher_is_better(self) -> bool:
        """Whether a greater value of the selection metric is the better one."""
        ...

    def protocol(self) -> dict[str, str]:
        """The entries ``protocol/…`` of a run's summary that the evaluation decides."""
        ...


def spread_out(ids: IntArray, count: int) -> IntArray:
    """At most ``count`` of ``ids [n]``, spread evenly over them."""
    places = np.linspace(0, len(ids) - 1, min(count, len(ids)))
    chosen: IntArray = ids[places.round().astype(np.int64)]
    return chosen
