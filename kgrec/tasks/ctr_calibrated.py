"""Click-through prediction by a recommender that was trained to rank."""

import torch
from torch import Tensor

from kgrec.data.dataset import RecDataset
from kgrec.data.labels import Rows
from kgrec.models.base import Batch, Recommender
from kgrec.nn.logistic import fit_scale_and_bias
from kgrec.tasks.logits import Logits

PAIRS_AT_ONCE = 4096
"""Bounds memory, changes no result."""


class CalibratedClickThrough:
    """Learn to rank from the observed training pairs; two numbers, from validation, make scores log-odds.

    The negatives of the training rows are not used: a ranking loss has every other item as a negative.
    """

    def training_rows(self, dataset: RecDataset) -> Rows:
        """The training interactions, all observed."""
        return Rows(dataset.train)

    def recommender(self, model: Recommender, dataset: RecDataset) -> Recommender:
        """The model, calibrated."""
        return CalibratedModel(model, dataset.labelled("valid"))


class CalibratedModel(Logits):
    """A recommender trained by its own loss, or solved in closed form, with log-odds for scores.

    Scale and bias are those of the least cross entropy on the validation rows (Platt scaling), found anew
    before each validation. Training rows would make the model look surer than it is, as it has seen them.
    On validation rows log loss, accuracy and F1 are therefore two parameters too good; AUC takes no harm,
    as it hangs on the order alone.

    Args:
        model: gives the scores.
        rows: labelled rows to calibrate on.
    """

    def __init__(self, model: Recommender, rows: Rows) -> None:
        super().__init__(model, initial_scale=1.0, learned=False)
        self.num_negatives = model.num_negatives
        self._rows = rows

    def fit(self) -> None:
        """Solve what has a closed form, and calibrate it."""
        super().fit()
        self.before_validation()

    def loss(self, batch: Batch) -> Tensor:
        """The model's own."""
        return self.model.loss(batch)

    @torch.no_grad()
    def before_validation(self) -> None:
        """Find scale and bias for the model as it is now."""
        was_training = self.training
        self.eval()
        pairs = torch.from_numpy(self._rows.pairs).to(self.device)
        scores = [self.model.score_pairs(block[:, 0], block[:, 1]) for block in pairs.split(PAIRS_AT_ONCE)]
        labels = torch.from_numpy(self._rows.known_labels).to(self.device)
        scale, bias = fit_scale_and_bias(torch.cat(scores), labels)
        self.log_scale.fill_(scale).log_()
        self.bias.fill_(bias)
        self.train(was_training)
