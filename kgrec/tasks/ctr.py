"""Click-through prediction: is this pair an interaction or not?"""

import torch.nn.functional as F
from torch import Tensor

from kgrec.data.dataset import RecDataset
from kgrec.data.labels import Rows
from kgrec.errors import InputError
from kgrec.models.base import Batch, Recommender
from kgrec.tasks.ctr_calibrated import CalibratedModel
from kgrec.tasks.logits import Logits


class ClickThrough:
    """Learn from labelled pairs, by the cross entropy of their labels.

    A model in closed form has nothing to train; it is calibrated as in
    :class:`kgrec.tasks.ctr_calibrated.CalibratedClickThrough`.

    Args:
        learn_scale: log-odds are ``scale · score + bias``, both learned with the model; False = the score is
            the log-odds, as in the code of KGCN and RippleNet.
        initial_scale: > 0, where the scale begins; 1 where it is not learned.

    Raises:
        InputError: a setting out of range.
    """

    def __init__(self, *, learn_scale: bool, initial_scale: float) -> None:
        if not initial_scale > 0:
            raise InputError(f"task.initial_scale: found {initial_scale}, expected a number > 0")
        if initial_scale != 1 and not learn_scale:
            raise InputError(
                f"task.initial_scale: found {initial_scale} beside task.learn_scale=false, expected 1: the "
                "score is the log-odds then"
            )
        self.learn_scale = learn_scale
        self.initial_scale = initial_scale

    def training_rows(self, dataset: RecDataset) -> Rows:
        """The labelled training rows: positives, and the negatives that belong to the data."""
        return dataset.labelled("train")

    def recommender(self, model: Recommender, dataset: RecDataset) -> Recommender:
        """The model under this criterion."""
        if not any(weight.requires_grad for weight in model.parameters()):
            return CalibratedModel(model, dataset.labelled("valid"))
        return ClickModel(model, self.initial_scale, self.learn_scale)


class ClickModel(Logits):
    r"""A recommender trained by cross entropy.

    .. math:: \ell = \frac{1}{B} \sum_k \mathrm{BCE}(\sigma(z_k), y_k) + \mathrm{penalty}

    The penalty is the model's own (:meth:`kgrec.models.base.Recommender.penalty`). See :class:`Logits` for
    the arguments.
    """

    def loss(self, batch: Batch) -> Tensor:
        """Mean cross entropy of a labelled batch, and the model's penalty."""
        if batch.labels is None:
            raise ValueError("the batch has no labels, expected those of labelled rows")
        logits = self.score_pairs(batch.users, batch.items)
        penalty = self.model.penalty(batch.users, batch.items, batch.labels)
        return F.binary_cross_entropy_with_logits(logits, batch.labels) + penalty
