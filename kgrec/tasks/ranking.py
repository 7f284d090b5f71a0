"""Ranking: which items should a user be shown?"""

from kgrec.data.dataset import RecDataset
from kgrec.data.labels import Rows
from kgrec.models.base import Recommender


class Ranking:
    """Learn from the observed training pairs, each model by its own loss."""

    def training_rows(self, dataset: RecDataset) -> Rows:
        """The training interactions, all observed."""
        return Rows(dataset.train)

    def recommender(self, model: Recommender, dataset: RecDataset) -> Recommender:
        """The model as it is."""
        return model
