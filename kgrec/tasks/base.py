"""What a task decides: the rows that are learned from, and the criterion on them."""

from typing import Protocol

from kgrec.data.dataset import RecDataset
from kgrec.data.labels import Rows
from kgrec.models.base import Recommender


class Task(Protocol):
    """What ``conf/task/*.yaml`` builds.

    Everything else that differs between tasks is chosen by the same file: its evaluation (``override
    /eval``), and with it the metric that epochs and settings are selected on. The trainer is one for all.
    """

    def training_rows(self, dataset: RecDataset) -> Rows:
        """What batches are drawn from.

        Raises:
            InputError: the dataset was not split for this task.
        """
        ...

    def recommender(self, model: Recommender, dataset: RecDataset) -> Recommender:
        """What is trained, stored and evaluated: ``model``, or what the task makes of it."""
        ...
