"""A running mean of trained weights, read in their place where a model is judged and used."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from kgrec.errors import InputError


class WeightAverage(nn.Module):
    r"""The exponential mean of weights over the steps.

    .. math:: \bar\theta \leftarrow d \bar\theta + (1 - d) \theta

    `Mean teachers are better role models <https://arxiv.org/abs/1703.01780>`_ (Tarvainen and Valpola, NeurIPS
    2017, §2). Means of a path lie in flatter places than its end (`Averaging Weights Leads to Wider Optima
    <https://arxiv.org/abs/1803.05407>`_, Izmailov et al., UAI 2018, §3, there uniform over epochs). The mean
    begins as the weights do, so that what was published stays a part of it. Singular values that AdaLoRA has
    dropped fade from it.

    :meth:`read_mean` and :meth:`read_own` exchange the two in place. All of it is in the buffers: a training
    goes on from a checkpoint taken at either.

    Args:
        weights: those averaged; other code may hold them too.
        decay: d in (0, 1), e.g. 0.99: the mean is mostly of the last 100 steps.

    Raises:
        InputError: the decay is out of range.
    """

    in_use: Tensor

    def __init__(self, weights: Sequence[nn.Parameter], decay: float) -> None:
        super().__init__()
        if not 0 < decay < 1:
            raise InputError(f"lm_recommender.averaging: found {decay}, expected in [0, 1)")
        self._weights = tuple(weights)  # a tuple is not looked into: they stay the model's
        self._update = get_ema_multi_avg_fn(decay)
        for index, weight in enumerate(self._weights):
            self.register_buffer(f"mean_{index}", weight.detach().clone())
        self.register_buffer("in_use", torch.tensor(False))

    @torch.no_grad()
    def update(self) -> None:
        """Take in the weights as a step has left them."""
        self._update(self._means(), [weight.detach() for weight in self._weights], 0)

    def read_mean(self) -> None:
        """The model's weights are the mean from here on."""
        if not self.in_use:
            self._exchange()

    def read_own(self) -> None:
        """They are those of the last step again."""
        if self.in_use:
            self._exchange()

    def _means(self) -> list[Tensor]:
        return [self.get_buffer(f"mean_{index}") for index in range(len(self._weights))]

    @torch.no_grad()
    def _exchange(self) -> None:
        for weight, mean in zip(self._weights, self._means(), strict=True):
            own = weight.clone()
            weight.copy_(mean)
            mean.copy_(own)
        self.in_use.logical_not_()
