"""What every way of tuning a language model offers."""

from abc import abstractmethod
from typing import Protocol

import torch
from torch import Tensor

from kgrec.text.transformer import TransformerEncoder


class TuningMethod(Protocol):
    """What ``conf/lm_tune/*.yaml`` builds: which weights are trained, and how they end up in a folder.

    Methods subclass it.
    """

    @abstractmethod
    def prepare(self, encoder: TransformerEncoder) -> None:
        """Change the encoder's network in place, so that exactly what is trained asks for a gradient.

        What the method must remember between two steps is put into the network's buffers: they are in the
        checkpoint.

        Raises:
            InputError: the network has not what the method works on.
        """

    def penalty(self) -> Tensor:
        """What is added to the loss of a step, shape ``[]``, its weight included; zero by default."""
        return torch.zeros(())

    def after_step(self, step: int, steps: int) -> None:
        """See :meth:`kgrec.models.base.Trainable.after_step`; nothing by default."""

    def merge(self, encoder: TransformerEncoder) -> None:
        """After training: make the network plain again, computing the same; nothing by default."""
