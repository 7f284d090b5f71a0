"""Next-item recommendation: which item follows a history?"""

from kgrec.data.dataset import RecDataset
from kgrec.data.labels import Rows
from kgrec.models.base import Recommender


class NextItem:
    """Learn from sequences and their targets, each model by its own loss."""

    def training_rows(self, dataset: RecDataset) -> Rows:
        """The training pairs of sequence and target.

        Raises:
            InputError: the dataset was not split into sequences.
        """
        dataset.in_sequences()
        return Rows(dataset.train)

    def recommender(self, model: Recommender, dataset: RecDataset) -> Recommender:
        """The model as it is."""
        return model
